"""Clients that no library would make: clients.py COMMAND PORT [ARGUMENT...]

Each command prints what came of it, one line a case. Nothing here waits longer than 20 s.
"""

import contextlib
import os
import re
import select
import socket
import sys
import time


def connect(port, receive=None):
    client = socket.socket()
    if receive:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.connect(("127.0.0.1", port))
    client.settimeout(20)
    return client


def read_all(client):
    answer = b""
    with contextlib.suppress(OSError):
        while piece := client.recv(65536):
            answer += piece
    return answer


def statuses(answer):
    return " ".join(
        status.decode() for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)
    )


def send(client, data):
    """As much as the other side takes within a second."""
    client.setblocking(False)
    sent = 0
    while sent < len(data) and select.select([], [client], [], 1)[1]:
        try:
            sent += client.send(data[sent : sent + 65536])
        except OSError:
            break
    client.settimeout(20)
    return sent


def half_sent(port, path, n, size):
    """n requests whose body is not complete. Prints the memory of the process while they wait."""
    clients = [connect(int(port)) for _ in range(int(n))]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    )
    body = b"0x0+" * (int(size) // 4 - 1)
    for client in clients:
        with contextlib.suppress(OSError):
            client.sendall(head.encode())
    for client in clients:
        send(client, body) if int(size) <= 65536 else send_quickly(client, body)
    time.sleep(1)
    print("waiting", flush=True)
    sys.stdin.readline()
    answers = {}
    for client in clients:
        client.settimeout(0.01)
        status = statuses(read_all(client)) or "none"
        answers[status] = answers.get(status, 0) + 1
    print(*(f"{status}: {count}" for status, count in sorted(answers.items())), sep=", ")


def send_quickly(client, data):
    client.setblocking(False)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < len(data):
            sent += client.send(data[sent : sent + 262144])
    return sent


def idle(port, n):
    """n connections that send nothing, and then a request on a new one."""
    clients = [connect(int(port)) for _ in range(int(n))]
    client = connect(int(port))
    client.sendall(
        b"GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    print(statuses(read_all(client)))
    closed = 0
    for other in clients:
        other.settimeout(0.01)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            closed += other.recv(1) == b""
    print(closed, "closed")


def stubborn(port, n):
    """n readers of a stream or a large answer that read nothing, and then a request."""
    clients = []
    for _ in range(int(n)):
        client = connect(int(port), 2048)
        client.sendall(
            b"GET /debug/pprof/threads?debug=2 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20
        )
        clients.append(client)
    client = connect(int(port))
    client.sendall(
        b"GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    print(statuses(read_all(client)))


def flood(port, *routes):
    """Each route in each state that a connection can be in, 3 clients a state, all at once.

    $FLOOD_TOKEN is sent with each request. Then they all go, and the process has ten seconds to give its
    memory back.
    """
    clients = []
    token = os.environ.get("FLOOD_TOKEN")
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    for route in routes:
        method, path = route.split(" ")
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}".encode()
        states = (
            b"",  # nothing
            head + b"\r\n",  # one request, and then nothing
            (head + b"\r\n") * 50,  # requests without end, and no answer is read
            head,  # half a head
            head + b"X: " + b"y" * 15000,
            head + b"Content-Length: 1000000\r\n\r\n" + b"+" * 900000,
            head + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"+" * 60000,
        )
        for state in states:
            for _ in range(3):
                with contextlib.suppress(OSError):
                    client = connect(int(port), 4096)
                    clients.append(client)
                    send_quickly(client, state)
    print("waiting", flush=True)
    sys.stdin.readline()
    for client in clients:
        client.close()
    print(len(clients), "clients")


def raw(port, *pieces):
    """Sends the pieces one after the other, with a pause. Prints the statuses of the answers."""
    client = connect(int(port))
    for piece in pieces:
        client.sendall(piece.encode().decode("unicode_escape").encode("latin-1"))
        time.sleep(0.2)
    print(statuses(read_all(client)))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
