"""The model for MLServer: V2 tensors by column to a frame, probabilities back."""

import joblib
import pandas as pd
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Flights(MLModel):
    """The platform's own pipeline."""

    async def load(self) -> bool:
        """Read the pipeline."""
        self._pipeline = joblib.load(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The second class's probability of each row."""
        frame: pd.DataFrame = PandasCodec.decode_request(payload)
        scores = self._pipeline.predict_proba(frame[list(self._pipeline.feature_names_in_)])[:, 1]
        output = NumpyCodec.encode_output("probability", scores)
        return InferenceResponse(model_name=self.name, outputs=[output])
