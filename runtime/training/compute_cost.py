"""Floating-point operations of training, from the sizes of model, adapter and data. Nothing here needs torch.

A product of T rows with a matrix of N elements takes 2NT. Going back through it takes as many for the gradient of its
input, and as many again for that of the matrix where it is trained: 4NT for a frozen one, 6NT for a trained one.
"""

from runtime.training.shapes import AdapterShape, BatchShape, ModelShape

_FORWARD, _BACKWARD, _TRAINED = 2, 2, 2  # operations an element of a matrix and a token
_ATTENTION_FORWARD = 2  # products of [L, L] with [L, D], of which a causal kernel computes half
_ATTENTION_BACKWARD = 5


def step_flops(model: ModelShape, adapter: AdapterShape, batch: BatchShape, *, checkpoint_activations: bool) -> int:
    """Forward and back through the adapted layers, and the loss; without the layers below."""
    batch = batch.with_tokens_in_front(adapter.soft_tokens)
    num_layers = model.config.num_layers - adapter.first_layer
    forward = _layers_flops(model, batch, num_layers) + _FORWARD * adapter.num_parameters * batch.num_tokens
    back = _BACKWARD * num_layers * model.layer_parameters * batch.num_tokens
    back += (_BACKWARD + _TRAINED) * adapter.num_parameters * batch.num_tokens
    back += 2 * _ATTENTION_BACKWARD * _squares(model, batch) * num_layers
    head = (_FORWARD + _BACKWARD) * model.head_parameters * batch.num_supervised
    return forward * (2 if checkpoint_activations else 1) + back + head


def below_flops(model: ModelShape, adapter: AdapterShape, batch: BatchShape) -> int:
    """Forward through the layers below the adapter, once for every row."""
    return _layers_flops(model, batch, adapter.first_layer)


def forward_flops(model: ModelShape, batch: BatchShape) -> int:
    """To the loss, through all layers: an evaluation, or what the base says to a pair."""
    return (
        _layers_flops(model, batch, model.config.num_layers) + _FORWARD * model.head_parameters * batch.num_supervised
    )


def full_flops(model: ModelShape, batch: BatchShape) -> int:
    """Of training all weights: 6 an element and token, and the attention."""
    matrices = (_FORWARD + _BACKWARD + _TRAINED) * (
        model.config.num_layers * model.layer_parameters * batch.num_tokens
        + model.head_parameters * batch.num_supervised
    )
    attention = (_ATTENTION_FORWARD + 2 * _ATTENTION_BACKWARD) * _squares(model, batch) * model.config.num_layers
    return matrices + attention


def _layers_flops(model: ModelShape, batch: BatchShape, num_layers: int) -> int:
    matrices = _FORWARD * model.layer_parameters * batch.num_tokens
    return num_layers * (matrices + _ATTENTION_FORWARD * _squares(model, batch))


def _squares(model: ModelShape, batch: BatchShape) -> int:
    """Elements of the products of scores in one layer: H · D · L² of every sequence."""
    config = model.config
    return config.num_heads * config.head_dim * sum(length * length for length in batch.lengths)
