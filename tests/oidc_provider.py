"""A sign-in service to test with, in a process of its own: a stand-in, which asks nobody for a password.

It speaks discovery, authorization code with PKCE, and signs ID tokens (RS256). `POST /next` says whom it takes the next
visitor for, and what of its answer is to be wrong: {"claims": {…}, "with_key": "another"}.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

KEY, ANOTHER = (RSAKey.generate_key(2048, {"kid": "1"}) for _ in range(2))
CLIENT = "icosa"

upcoming: dict[str, Any] = {}
asked: dict[str, dict[str, str]] = {}


class Provider(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            issuer = f"http://localhost:{self.server.server_port}"  # type: ignore[attr-defined]
            self._json(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/keys",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                }
            )
        elif parts.path == "/keys":
            self._json({**KeySet([KEY]).as_dict(private=False)})
        elif parts.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = secrets.token_urlsafe()
            asked[code] = query
            back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
            self.send_response(302)
            self.send_header("Location", back)
            self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/next":
            upcoming.clear()
            upcoming.update(json.loads(body))
            self._json({})
            return
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        query = asked.pop(sent.get("code", ""), None)
        verifier = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if query is None or base64.urlsafe_b64encode(verifier).decode().rstrip("=") != query.get("code_challenge"):
            self._json({"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": f"http://localhost:{self.server.server_port}",  # type: ignore[attr-defined]
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": query.get("nonce"),
            **upcoming.get("claims", {}),
        }
        keys: dict[str, tuple[str, RSAKey | OctKey]] = {
            "another": ("RS256", ANOTHER),
            "the client's secret": ("HS256", OctKey.import_key("s3cret-of-the-client-long-enough")),
        }
        algorithm, key = keys.get(upcoming.get("with_key", ""), ("RS256", KEY))
        header = {"alg": algorithm, "kid": "1"}
        token = jwt.encode(
            header, {name: it for name, it in claims.items() if it is not None}, key, algorithms=[algorithm]
        )
        if upcoming.get("with_key") == "none":
            head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
            token = f"{head}.{token.split('.')[1]}."
        self._json({"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "id_token": token})

    def _json(self, answer: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
