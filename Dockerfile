# The service, as small and as powerless as it can be: no package manager runs in it, and no root.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc* tsconfig.json tsconfig.build.json ./
COPY scripts scripts
RUN npm ci --ignore-scripts
COPY src src
COPY models models
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24.21.0-bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git ca-certificates tini \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 10001 --create-home tidemark \
  && install --directory --mode=0700 --owner=tidemark --group=tidemark /var/lib/tidemark
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/models models
COPY bin bin
USER 10001:10001
ENV NODE_ENV=production TIDEMARK_DATA=/var/lib/tidemark TIDEMARK_CONFIG=/etc/tidemark/tidemark.yaml
VOLUME /var/lib/tidemark
EXPOSE 7717
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7717/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# A first process that reaps: git is started and ended thousands of times.
ENTRYPOINT ["tini", "--", "node", "/app/bin/tidemark.js"]
CMD ["serve"]
