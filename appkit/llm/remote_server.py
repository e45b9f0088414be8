"""One server and how requests get there: with the key, over the right connections, nowhere else."""

from collections.abc import Mapping
from typing import Any

from appkit.errors import AppkitError
from appkit.llm.remote_address import RemoteAddress
from appkit.llm.remote_http import Call, Exchange, RemoteLimits
from appkit.llm.remote_json import parse_object, to_json
from appkit.llm.remote_key import ApiKey


class RemoteServer:
    """Sends requests to one server. Owns the HTTP client and the key; safe to share between threads."""

    def __init__(self, address: RemoteAddress, key: ApiKey | None) -> None:
        import httpx

        self._address = address
        self._key = key
        headers = {"Accept-Encoding": "identity", "User-Agent": "appkit"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.value}"
        # Proxies of the environment are for the network: what is on this machine is not sent through them.
        direct = {"http://": None, "https://": None} if address.is_loopback else None
        self._client = httpx.Client(
            headers=headers,
            follow_redirects=False,  # another host must get neither the key nor the prompt
            mounts=direct,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    def __repr__(self) -> str:
        return f"RemoteServer({self._address.url!r})"

    def stream(self, url: str, body: Mapping[str, Any], limits: RemoteLimits) -> Exchange:
        """POST `body` to get events. The request is under way when this returns.

        Raises:
            AppkitError: this was closed.
        """
        return self._exchange(Call(url=url, body=to_json(body), accept="text/event-stream"), limits)

    def fetch(self, url: str, limits: RemoteLimits, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that a GET gives, or a POST where there is a body.

        Raises:
            RemoteModelError: no answer, an error status (RemoteRefusal), or something else than a JSON object.
            AppkitError: this was closed.
        """
        data = None if body is None else to_json(body)
        call = Call(url=url, body=data, accept="application/json")
        return parse_object(self._exchange(call, limits).read(), url)

    def close(self) -> None:
        """Send nothing any more. Twice is harmless."""
        self._client.close()

    def check_open(self) -> None:
        """Raise AppkitError where this was closed."""
        if self._client.is_closed:
            raise AppkitError(f"The model at {self._address.url} was closed: open it again.")

    def _exchange(self, call: Call, limits: RemoteLimits) -> Exchange:
        self.check_open()
        return Exchange(self._client, call, self._key, limits)
