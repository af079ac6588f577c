"""A model without a folder."""

from __future__ import annotations

from int_verl.generate.chat import ChatCodec
from int_verl.generate.model import LocalModel


def tiny_model(codec: ChatCodec, context_length: int) -> LocalModel:
    model = LocalModel("tiny")
    vars(model).update(codec=codec, revision="r", context_length=context_length)
    return model
