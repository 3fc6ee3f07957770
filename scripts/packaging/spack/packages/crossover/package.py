"""crossover for Spack: built for the processor that Spack builds for."""

from spack.package import *  # noqa: F403


class Crossover(CMakePackage, CudaPackage):  # noqa: F405
    """CPU-against-GPU parallelism benchmarks: at what size does more parallel hardware win?"""

    version("main", branch="main")  # noqa: F405
    variant("mpi", default=True, description="The model mpi")  # noqa: F405

    for library in ("benchmark@1.7:", "cli11@2.3:", "fmt@9:", "hwloc@2:", "nlohmann-json@3.11:"):
        depends_on(library)  # noqa: F405
    depends_on("re2")  # noqa: F405
    depends_on("tbb")  # noqa: F405
    depends_on("cmake@3.25:", type="build")  # noqa: F405
    depends_on("ninja", type="build")  # noqa: F405
    depends_on("mpi", when="+mpi")  # noqa: F405
    depends_on("python@3.11:", type="run")  # noqa: F405

    def cmake_args(self) -> list[str]:
        """What is built; Spack's compilers say for which processor."""
        spec = self.spec
        told = {"CUDA": "+cuda" in spec, "MPI": "+mpi" in spec, "NATIVE": False, "TESTS": False}
        options = [f"-DCROSSOVER_{name}={'ON' if on else 'OFF'}" for name, on in told.items()]
        if "+cuda" in spec and "none" not in spec.variants["cuda_arch"].value:
            options.append(
                f"-DCMAKE_CUDA_ARCHITECTURES={';'.join(spec.variants['cuda_arch'].value)}"
            )
        return options
