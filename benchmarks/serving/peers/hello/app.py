"""The least that FastAPI can do: one route that greets."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """A greeting."""
    return {"hello": "world"}
