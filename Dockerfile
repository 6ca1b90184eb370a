# syntax=docker/dockerfile:1

# f1-streams as one image: the page, the example plugins, the host that embeds
# the page. Build it from the project's root:
#
#   docker build -t f1-streams .
#
# and run it with a configuration, a data directory that user 65532 can write
# to, and a local cache directory:
#
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     --tmpfs /tmp --tmpfs /cache:uid=65532,gid=65532 \
#     -v ./f1-streams.toml:/etc/f1-streams/f1-streams.toml:ro -v ./data:/data \
#     -p 127.0.0.1:8080:8080 f1-streams
#
# Inside a container the configuration needs server.listen = "0.0.0.0:8080" and
# auth.viewers = "open"; who can connect is then decided by what the port is
# published to. The image holds no site and no plugin in use: put plugins into
# the data directory, for a try from /usr/share/f1-streams/plugins.

# --- the page ----------------------------------------------------------------
FROM node:22-bookworm-slim AS frontend
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY frontend/ ./
RUN npm run build

# --- Rust, with the target of the plugins ------------------------------------
FROM rust:1.95-bookworm AS rust
RUN rustup target add wasm32-unknown-unknown
WORKDIR /src
# One workspace: cargo wants to see every member, whichever is built.
COPY .cargo/ .cargo/
COPY Cargo.toml Cargo.lock ./
COPY wit/ wit/
COPY xtask/ xtask/
COPY plugins/ plugins/
COPY host/ host/

# --- the example plugins -----------------------------------------------------
# Those in Rust: the others are examples of their languages, and need their
# tools. The target directories are caches of the build machine, so what is
# wanted from them is copied out in the same step.
FROM rust AS plugins
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,id=f1-streams-plugins,sharing=locked \
    cargo run --locked --package xtask -- build-plugins --lang rust \
    && mkdir /plugins \
    && cp target/plugins/*.wasm /plugins/

# --- the host ----------------------------------------------------------------
FROM rust AS host
COPY --from=frontend /src/frontend/build/ frontend/build/
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,id=f1-streams-host,sharing=locked \
    cargo build --release --locked -p f1-streams \
    && cp target/release/f1-streams /f1-streams

# --- what runs ---------------------------------------------------------------
# The C library of the same Debian, CA certificates, time zones, no shell; user
# 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=host /f1-streams /usr/bin/f1-streams
COPY --from=plugins /plugins/ /usr/share/f1-streams/plugins/
USER 65532:65532
# Viewers, and metrics where they are turned on.
EXPOSE 8080 9090
ENTRYPOINT ["/usr/bin/f1-streams"]
CMD ["serve", "--config", "/etc/f1-streams/f1-streams.toml"]
