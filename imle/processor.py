"""What this machine's processor can do, as far as it changes how a model is run."""


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AMX or AVX-512); False where that cannot be told."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
