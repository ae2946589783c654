# Static binaries on a base without shell or package manager, run by a user without rights.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ ./cmd/keyturn ./cmd/hello \
 && mkdir /out/data

# The base brings CA certificates, time zones and the user nonroot (65532).
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/keyturn /out/hello /
# A new named volume takes owner and mode from this folder. It holds the master identity, and the
# database where KEYTURN_DATABASE_URL names no other.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
VOLUME /data
# In a container a loopback listener would be out of reach. KEYTURN_ISSUER has no default then: set it.
# The operations listener stays on loopback, where the health check asks it.
ENV KEYTURN_DATA_DIR=/data \
    KEYTURN_LISTEN=0.0.0.0:8080
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s CMD ["/keyturn", "healthcheck"]
ENTRYPOINT ["/keyturn"]
CMD ["serve"]
