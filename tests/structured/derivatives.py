"""Derivatives by autograd, as tests ask for them."""

import torch

from spigot.structured.parts.base import like, map_parts, tensors


def marginals_vjp(structure, scores, grad, lengths=None, mask=None):
    """Return the gradient for `scores`, given the one for `structure.marginals(scores)`."""
    leaves = map_parts(lambda part: part.detach().requires_grad_(), scores)
    marginals = structure.marginals(leaves, lengths, mask)
    return like(scores, torch.autograd.grad(tensors(marginals), tensors(leaves), tensors(grad)))
