"""The mathematics of Batch Normalization, in NumPy. Knows no screen.

>>> fwd = forward_train([[0.0], [2.0], [4.0]])
>>> fwd.mu
array([2.])
>>> backward_train([[1.0], [2.0], [4.0]], fwd).dbeta
array([7.])
"""

from bn_core.batchnorm import (
    BackwardEval,
    BackwardTrain,
    ForwardTrain,
    RunningStats,
    backward_eval,
    backward_train,
    forward_eval,
    forward_train,
)
from bn_core.gradcheck import GradientCheck, check_gradient, numerical_gradient

__all__ = [
    "BackwardEval",
    "BackwardTrain",
    "ForwardTrain",
    "GradientCheck",
    "RunningStats",
    "backward_eval",
    "backward_train",
    "check_gradient",
    "forward_eval",
    "forward_train",
    "numerical_gradient",
]
