# The environment of requirements.lock; a checkout is mounted into it.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
RUN python3 -m venv /opt/stillact
ENV PATH=/opt/stillact/bin:$PATH
COPY requirements.lock /tmp/
# Without dependencies: the Makefile says why.
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/requirements.lock \
    && rm /tmp/requirements.lock
# A user of any number has a home, for the caches of libraries. `docker run --user` selects another.
ENV HOME=/tmp
USER 1000:1000
WORKDIR /study
ENTRYPOINT ["snakemake"]
CMD ["--help"]
