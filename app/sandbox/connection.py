"""Breaking a connection off."""

import socket
import struct
from typing import Self

_RST = struct.pack(
    "ii", 1, 0
)  # linger on, for 0 s: close(2) then resets instead of saying goodbye, socket(7)


class BrokenOff:
    """A response body that resets its connection instead of arriving.

    Reading it raises ConnectionResetError: Werkzeug takes that for a client that is gone and says nothing;
    from Flask's test client, where there is no connection, it reaches the test.
    """

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._connection is not None:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            # The server would shut the socket down first, and so send FIN: detached, it cannot.
            socket.close(self._connection.detach())
        raise ConnectionResetError("broken off by a fault")
