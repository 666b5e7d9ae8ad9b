"""A CrossEncoder that reads question and passage together: slow and sharp, for the first hits of a settled question."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from kb.config import Settings
from kb.errors import SettingError

MAX_TOKENS = 512


class CrossReranker:
    """Any sentence-transformers `CrossEncoder` with one output, behind one lock."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingError for a model that does not load or gives more than one number."""
        from sentence_transformers import CrossEncoder

        self.weight = settings.reranker_weight / 100
        try:
            self._model = CrossEncoder(
                settings.reranker,
                device="cpu",
                max_length=MAX_TOKENS,
                trust_remote_code=False,
                local_files_only=True,
            )
        except (OSError, ValueError) as error:
            problem = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise SettingError("model_unusable", model=settings.reranker, problem=problem) from error
        if self._model.num_labels != 1:
            raise SettingError("model_unusable", model=settings.reranker, problem=f"{self._model.num_labels} labels")
        self._lock = threading.Lock()

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, on the model's own scale, higher is better."""
        with self._lock:
            found = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return [float(score) for score in found]
