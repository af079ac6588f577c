"""The vLLM worker extension that takes new weights on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightReceiver
from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension
from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding


class CPUWorkerExtension(vLLMColocateWorkerExtension):
    """Exact weight updates for vLLM's CPU build, with tied and with untied embeddings.

    verl loads weights in place (verl/workers/rollout/vllm_rollout/utils.py, `update_weights_from_ipc`). vLLM-CPU has
    packed its weights for oneDNN by then and dropped their loaders: the update raises and the trainer waits for ever.
    vLLM's own reload rebuilds and packs layer by layer, but leaves out an output layer that is tied to the
    embedding: its name is not among the weights, so its packed copy stays that of the old policy, without an error.
    """

    model_runner: Any
    "Of the worker that vLLM mixes this class into."

    def update_weights_from_ipc(
        self, peft_config: dict[str, Any] | None = None, base_sync_done: bool = False, use_shm: bool = False
    ) -> None:
        if peft_config and base_sync_done:
            raise NotImplementedError("LoRA adapters cannot be synchronised on a CPU; train all weights")
        receiver = BucketedWeightReceiver(
            zmq_handle=self._get_zmq_handle(), device=torch.device("cpu"), use_shm=use_shm
        )
        weights: list[tuple[str, torch.Tensor]] = []

        def keep(bucket: list[tuple[str, torch.Tensor]], is_last: bool) -> None:  # noqa: ARG001
            weights.extend((name, tensor.clone()) for name, tensor in bucket)

        receiver.receive_weights(on_bucket_received=keep)
        self.model_runner.reload_weights(weights_iterator=iter(weights))
        for layer in self.model_runner.model.modules():
            if isinstance(layer, VocabParallelEmbedding):
                layer.quant_method.process_weights_after_loading(layer)
