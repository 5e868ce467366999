"""Ends with status 0 if the service on this machine says that it serves."""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from recommendations import PORT, SERVICE

TIMEOUT_SECONDS = 4

# Docker may have given this container a proxy, which knows nothing of it.
with grpc.insecure_channel(f"localhost:{PORT}", options=[("grpc.enable_http_proxy", 0)]) as channel:
    asked = health_pb2.HealthCheckRequest(service=SERVICE)
    answer = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=TIMEOUT_SECONDS)
sys.exit(answer.status != health_pb2.HealthCheckResponse.SERVING)
