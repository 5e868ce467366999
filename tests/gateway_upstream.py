"""What stands behind a gateway in its tests: says who asked, and waits for a body that pauses for 1 s."""

from flask import Response, jsonify, request
from web import WebApp, requests_in_flight

requests_in_flight.BODY_PAUSE_SECONDS = 1.0
app = WebApp("upload", "/upload", checks={}, members=dict)


@app.route("/upload/who", methods=["GET", "POST"])
def who():  # type: ignore[no-untyped-def]
    return jsonify(address=request.remote_addr, size=len(request.get_data()))


@app.get("/live/home")
def home():  # type: ignore[no-untyped-def]
    """Answers with the status that is asked for, as the live page may."""
    status = int(request.args["status"])
    return Response(status=status, headers={"Location": "/live/?lang=en"} if status == 302 else {})
