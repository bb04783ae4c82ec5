# imgflow in a container: webserver, daemon, code location and workers are the same image with other commands.
#   docker build --target cpu -t imgflow:cpu .        docker build --target gpu -t imgflow:gpu .

FROM python:3.12-slim AS base
ENV PATH=/opt/imgflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    IMGFLOW_HOME=/data \
    IMGFLOW_MODELS_DIR=/models \
    DAGSTER_HOME=/opt/dagster \
    NUMBA_CACHE_DIR=/opt/numba
# Folders that become volumes belong to the user here, because a new volume takes that over from the image.
RUN useradd --uid 10001 --create-home imgflow \
 && mkdir -p /data /models /opt/dagster /opt/numba \
 && chown imgflow:imgflow /data /models /opt/dagster /opt/numba \
 && python -m venv /opt/imgflow
WORKDIR /opt/source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY imgflow imgflow
# "cluster,models" adds the models that need torch.
ARG EXTRAS=cluster
RUN pip install --constraint constraints.txt ".[$EXTRAS]"
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/
WORKDIR /data

FROM base AS gpu
# In place of onnxruntime, whose files it would overwrite; CUDA and cuDNN come as wheels, the driver from the host.
RUN version=$(python -c 'from importlib.metadata import version; print(version("onnxruntime"))') \
 && pip uninstall --yes onnxruntime \
 && pip install --constraint /opt/source/constraints.txt "onnxruntime-gpu[cuda,cudnn]==$version"
ENV LD_LIBRARY_PATH=/opt/imgflow/lib/python3.12/site-packages/nvidia/cu13/lib:/opt/imgflow/lib/python3.12/site-packages/nvidia/cudnn/lib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER imgflow
RUN python -c 'from imgflow.stages.warm_up import warm_up; warm_up()'

# The last target, so that a plain `docker build .` makes it.
FROM base AS cpu
USER imgflow
# The stages' kernels are compiled here and not at the first photo. On another type of processor than the build
# machine's numba compiles them once more, into the same folder.
RUN python -c 'from imgflow.stages.warm_up import warm_up; warm_up()'
