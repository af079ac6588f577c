"""The codec gives what transformers gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from int_verl.generate.chat import ChatCodec


@given(text=st.text() | st.text("a 1\n.<|im_end>"))
def test_text_is_encoded_as_transformers_does(codec: ChatCodec, text: str) -> None:
    assert codec.encode(text) == codec.tokenizer(text, add_special_tokens=False).input_ids


@given(data=st.data())
def test_any_token_ids_are_decoded_as_transformers_does(codec: ChatCodec, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, len(codec.tokenizer) - 1)))
    plain = codec.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert codec.decode(ids) == plain
