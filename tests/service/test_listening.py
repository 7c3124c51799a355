"""The socket that the service listens on."""

import socket

from homeostat.service.server import _listening
from homeostat.service.settings import Service


def test_an_answer_in_two_pieces_does_not_wait_for_the_clients_delayed_acknowledgement():
    with (
        _listening(Service(port=0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
