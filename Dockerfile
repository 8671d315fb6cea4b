# The images of docker-compose.yml: the proxy server, the local model and the page.
FROM python:3.13-slim AS proxy-server
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --no-create-home app && install --directory --owner app data
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY proxy_server proxy_server
USER app
CMD ["python", "-m", "proxy_server"]

FROM python:3.13-slim AS local-model
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
  && rm -rf /var/lib/apt/lists/* && useradd --system --no-create-home app
COPY requirements-local-model.txt .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-local-model.txt
COPY proxy_server/__init__.py proxy_server/local_model.py proxy_server/
USER app
CMD ["python", "-m", "proxy_server.local_model", "--host", "0.0.0.0"]

FROM node:24-slim AS frontend
WORKDIR /frontend
COPY frontend/package.json frontend/package-lock.json ./
COPY frontend/client/package.json client/
COPY frontend/page/package.json page/
RUN npm install --no-audit --no-fund --no-save --workspace page
COPY frontend .
RUN npm run build --workspace page

FROM nginxinc/nginx-unprivileged:1.28-alpine AS page
ENV PAGE_LISTEN=9000 PAGE_ROOT=/usr/share/nginx/html CENTRIFUGO=centrifugo:8000
COPY frontend/page/nginx.conf.template /etc/nginx/templates/default.conf.template
COPY --from=frontend /frontend/page/dist /usr/share/nginx/html
