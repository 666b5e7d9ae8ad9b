"""Any CrossEncoder may read the first hits again; a tiny one with random weights stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from indexer.encoder.reranker import CrossReranker
from kb.config import Settings, settings
from kb.errors import SettingError
from kb.finding.search import RERANKED, search
from tests.small_base import ALL, SmallBase


def make(folder: Path, labels: int = 1) -> Path:
    """A CrossEncoder of two small layers with random weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir()
    letters = [*"abcdefghijklmnopqrstuvwxyz", *"退款红灯"]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters)]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(str(folder))
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(words), num_labels=labels, **sizes)
    BertForSequenceClassification(config).save_pretrained(str(folder))
    return folder


@pytest.mark.encoder
def test_any_cross_encoder_works_by_its_path(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    folder = make(tmp_path / "tiny")
    made = CrossReranker(Settings(reranker=str(folder), reranker_weight=30))
    texts = ["red light", "refund", "退款 红灯", ""]
    by_hand = CrossEncoder(str(folder), device="cpu").predict([("a red light", one) for one in texts])
    assert made.scores("a red light", texts) == pytest.approx(by_hand.tolist(), abs=1e-5)
    assert len(set(made.scores("a red light", texts))) == 4
    assert made.weight == 0.3


@pytest.mark.encoder
def test_a_reranker_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    for name in (str(make(tmp_path / "three", labels=3)), "/no/such/model"):
        with pytest.raises(SettingError) as told:
            CrossReranker(Settings(reranker=name))
        assert (told.value.code, told.value.facts["model"]) == ("model_unusable", name)


def test_there_is_no_reranker_unless_one_is_named() -> None:
    assert settings({}).reranker == ""
    named = settings({"KB_RERANKER": "some/model", "KB_RERANKER_WEIGHT": "25"})
    assert (named.reranker, named.reranker_weight) == ("some/model", 25)


@dataclass
class Likes:
    """A reranker that likes one word and remembers what it read."""

    word: str
    weight: float = 1.0
    read: list[str] = field(default_factory=list)

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [float(self.word in one) for one in texts]


def test_a_reranker_reads_titles_and_passages_of_the_first_hits_and_counts_by_its_weight(base: SmallBase) -> None:
    for number in range(RERANKED + 5):
        base.write(f"light-{number:02}", f"Red light {number:02}", body=f"No signal {number:02} at all.")
    base.build()
    options = {"index": base.open().engine, "encoder": base.encoder, "catalogue": {}, "limit": 50}
    plain = [hit.article.id for hit in search("red light signal", ALL, **options).hits]
    last = plain[RERANKED - 1]
    reranker = Likes(f"signal {last[-2:]}", weight=10.0)
    found = search("red light signal", ALL, **options, reranker=reranker).hits
    assert sorted(reranker.read) == sorted(
        f"Red light {id[-2:]}\nNo signal {id[-2:]} at all." for id in plain[:RERANKED]
    )
    assert [hit.article.id for hit in found] == [last, *(id for id in plain if id != last)]
    assert (found[0].why["reranker"].rank, found[0].why["reranker"].score) == (1, 1.0)
    assert "reranker" not in found[RERANKED].why
    weightless = search("red light signal", ALL, **options, reranker=Likes("signal", weight=0.0)).hits
    assert [hit.article.id for hit in weightless] == plain
