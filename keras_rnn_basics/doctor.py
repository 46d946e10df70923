"""What a person with a silent GPU, or a slow CPU, needs to know in ten lines."""

import os
import platform
import re
import shutil
import subprocess
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.cell import BasicRNNCell
from keras_rnn_basics.layer import BasicRNN

PACKAGES = ("keras_rnn_basics", "keras", "tensorflow", "jax", "torch", "numpy")
INSTALL = {
    "tensorflow": "pip install 'tensorflow[and-cuda]' (from a clone of this package: pip install -e '.[gpu]')",
    "jax": "pip install 'jax[cuda12]'",
    "torch": "pip install torch, whose wheel for Linux brings CUDA with it",
}


def doctor() -> None:
    """Prints what decides where a network runs, and how fast; `python -m keras_rnn_basics` does the same.

    The lines are the versions, the backend, the driver of the GPU, the CUDA and the cuDNN that the backend was built
    for, the GPUs that it finds, the cores, the vector instructions, the precision, the route that a `BasicRNN` takes
    with its reason, and what to install where something is missing.
    """
    for name, told in findings().items():
        print(f"{name + ':':11}{told}")


def findings() -> dict[str, str]:
    """From the name of a line of `doctor` to what it says."""
    backend, gpus, driver = keras.backend.backend(), _gpus(), _driver()
    rnn = BasicRNN(BasicRNNCell(256))
    return {
        "versions": f"Python {platform.python_version()}, {', '.join(_versions())}",
        "backend": f"{backend} (KERAS_BACKEND or ~/.keras/keras.json chooses it)",
        "driver": driver or "no NVIDIA driver answers (nvidia-smi)",
        "CUDA": _built_for(backend),
        "GPU": ", ".join(gpus) or f"{backend} finds none",
        "cores": f"{_cores()} of {os.cpu_count()} for this process{_limits()}",
        "CPU": _instructions(),
        "precision": keras.config.dtype_policy().name,
        "route": f"a BasicRNN of tanh takes {rnn.recurrence_route}",
        "to do": _advice(backend, gpus, driver),
    }


def _versions():
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _driver():
    """The GPUs and the version of the driver, as nvidia-smi tells them, or None."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return "; ".join(line.strip() for line in done.stdout.splitlines()) or None


def _built_for(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        built: Any = tf.sysconfig.get_build_info()
        if not built.get("is_cuda_build"):
            return "this build of TensorFlow is for CPUs alone"
        found = (
            [name for name in ("cudnn", "cuda_runtime") if find_spec(f"nvidia.{name}")] if find_spec("nvidia") else []
        )
        told = f"TensorFlow is built for CUDA {built['cuda_version']} and cuDNN {built['cudnn_version']}"
        return f"{told}; pip has installed {' and '.join(found) if found else 'neither'} of them"
    if backend == "torch":
        torch: Any = import_module("torch")

        cuda = torch.version.cuda
        return f"PyTorch is built for CUDA {cuda}, cuDNN {torch.backends.cudnn.version()}" if cuda else "a CPU build"
    plugins = [name for name in ("jax_cuda12_plugin", "jax_cuda13_plugin") if find_spec(name)]
    return f"JAX has {plugins[0]}" if plugins else "JAX has no CUDA plugin"


def _gpus():
    """The names of the GPUs that the backend finds, with their compute capabilities."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
        return [_named(own.get("device_name", "GPU"), own.get("compute_capability")) for own in details]
    if backend == "torch":
        torch: Any = import_module("torch")

        every = range(torch.cuda.device_count())
        return [_named(torch.cuda.get_device_name(i), torch.cuda.get_device_capability(i)) for i in every]
    jax: Any = import_module("jax")  # where they are not installed, type checkers do not find them

    return [
        _named(own.device_kind, getattr(own, "compute_capability", None))
        for own in jax.devices()
        if own.platform != "cpu"
    ]


def _named(name, capability):
    capability = ".".join(map(str, capability)) if isinstance(capability, tuple) else capability
    return f"{name} (compute capability {capability})" if capability else name


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _limits():
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    told = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return f" ({', '.join(told)} limits it)" if told else ""


def _instructions():
    """The widest vector instructions, as Linux tells them."""
    file = Path("/proc/cpuinfo")
    flags = re.search(r"^flags\s*:(.*)$", file.read_text(), re.MULTILINE) if file.exists() else None
    if flags is None:
        return platform.processor() or platform.machine()
    known = [name for name in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16") if name in flags[1].split()]
    return f"{platform.machine()}, {', '.join(known) or 'no AVX2'}"


def _advice(backend, gpus, driver):
    if gpus and backend == "tensorflow" and not _xla_compiles_for_gpu():
        return f"XLA cannot compile for this GPU, so only tanh and relu networks are fast: {INSTALL[backend]}"
    if gpus:
        return "nothing: the GPU is used"
    if driver:
        return f"there is a GPU, which {backend} does not find: {INSTALL[backend]}"
    return "nothing for a CPU. For a GPU: Linux, an NVIDIA driver, and then " + INSTALL[backend]


def _xla_compiles_for_gpu():
    from keras_rnn_basics.recurrence import device  # it imports TensorFlow

    return device.xla_compiles_for_gpu()
