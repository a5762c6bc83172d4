from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32

from pipelines.core.compilation.words import WordHasher, signed_hash

_TEXTS = st.one_of(
    st.text(max_size=30), st.lists(st.sampled_from(["Late", "late", "ÜBER", "中文", "a", "x_1"])).map(" ".join)
)


@given(st.binary(max_size=20))
def test_the_hash_is_scikit_learns(data: bytes) -> None:
    assert signed_hash(data) == murmurhash3_32(data, 0)


@settings(deadline=None)
@given(_TEXTS)
def test_words_and_pairs_are_counted_as_by_scikit_learn(text: str) -> None:
    other = HashingVectorizer(n_features=64, ngram_range=(1, 2), norm=None, alternate_sign=False)
    expected = other.transform([text]).toarray()[0]
    places, counts = WordHasher(64, range(64)).count(text)
    found = np.zeros(64)
    found[places] = counts
    np.testing.assert_array_equal(found, expected)
    assert places.tolist() == sorted(set(places.tolist()))


def test_words_that_training_did_not_see_count_for_nothing() -> None:
    places, counts = WordHasher(2**16, []).count("late flight")
    assert len(places) == len(counts) == 0
