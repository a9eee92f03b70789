"""The number format in which a network computes: Keras's dtype policy, set while the network is built."""

from collections.abc import Callable

import keras


def under_policy(policy: str, build: Callable):
    """What `build` makes while `policy` is Keras's global dtype policy, which is put back after."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)
