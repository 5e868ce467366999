"""What a service raises becomes the status that its caller gets."""

import logging
from collections.abc import Callable
from typing import Any

import grpc

log = logging.getLogger(__name__)


class StatusError(Exception):
    """A fault that the caller is told of, with its text."""

    status = grpc.StatusCode.UNKNOWN


class NotFound(StatusError):
    status = grpc.StatusCode.NOT_FOUND


class InvalidArgument(StatusError):
    status = grpc.StatusCode.INVALID_ARGUMENT


class ExceptionToStatus(grpc.ServerInterceptor):
    """Ends a call with the status of its StatusError. Any other exception is logged, and is INTERNAL to the caller."""

    def intercept_service(
        self, continuation: Callable[..., grpc.RpcMethodHandler | None], details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler  # not known here; or a stream, of which the health service has one

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return handler.unary_unary(request, context)
            except StatusError as error:
                context.abort(error.status, str(error))
            except Exception:
                if context.code() is not None:  # the service has ended the call itself, by abort
                    raise
                log.exception("%s failed", details.method)
                context.abort(grpc.StatusCode.INTERNAL, "The service failed")

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)
