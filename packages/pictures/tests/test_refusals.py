import json
import pickle
import string

import pytest
from pictures import CODES, Refused
from pictures.refusals import _SENTENCES

_ANY = {"limit": 50, "accepted": "JPEG", "kind": "PDF", "megapixels": 88.4, "width": 7, "height": 8}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_one_sentence_in_each_language(code):
    refused = Refused(code, **_ANY)
    for lang in ("en", "pt-BR"):
        sentence = refused.sentence(lang)
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert not {"{", "}"} & set(sentence)
    assert refused.sentence("en") != refused.sentence("pt-BR")
    assert refused.sentence("fr") == refused.sentence(None) == str(refused) == refused.sentence("en")


@pytest.mark.parametrize("code", CODES)
def test_both_languages_name_the_same_figures(code):
    english, portuguese = (
        {name for _, name, _, _ in string.Formatter().parse(text) if name} for text in _SENTENCES[code]
    )
    assert english == portuguese


def test_figures_are_written_as_the_language_writes_them():
    refused = Refused("too-many-pixels", megapixels=88.4, kind="WebP", limit=16.0)
    assert "88.4 megapixels" in refused.sentence("en")
    assert "88,4 megapixels" in refused.sentence("pt-BR")
    assert refused.sentence("en").endswith("WebP is 16.")


@pytest.mark.parametrize(
    "carried",
    [lambda r: Refused.from_json(json.loads(json.dumps(r.to_json()))), lambda r: pickle.loads(pickle.dumps(r))],
)
def test_crosses_a_process_boundary(carried):
    refused = Refused("too-large", limit=2.5)
    again = carried(refused)
    assert (again.code, again.sentence("pt-BR")) == ("too-large", refused.sentence("pt-BR"))


def test_an_unknown_code_is_no_refusal():
    with pytest.raises(ValueError, match="nonsense"):
        Refused.from_json({"code": "nonsense", "parameters": {}})
