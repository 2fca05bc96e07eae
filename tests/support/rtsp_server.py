"""A small RTSP server (RFC 2326): an H.264 file at its own speed, as RTP (RFC 6184) inside the connection.

python rtsp_server.py PORT FILE

It is killed to cut a stream off. Written from the two RFCs, with nothing of the code that it tests.
"""

from __future__ import annotations

import base64
import socketserver
import struct
import sys
import threading
import time
from contextlib import suppress

import av


class Served:
    """The coded pictures of an MP4 file: times in seconds and lists of NAL units."""

    def __init__(self, path: str):
        with av.open(path) as container:
            stream = container.streams.video[0]
            extra = stream.codec_context.extradata
            self.parameters = list(_parameter_sets(extra))
            packets = [p for p in container.demux(stream) if p.size]
            first = min(p.pts for p in packets)
            self.pictures = [
                (
                    float((p.dts - packets[0].dts) * p.time_base),
                    float((p.pts - first) * p.time_base),
                    _units(bytes(p)),
                )
                for p in packets
            ]
            self.seconds = float(stream.duration * stream.time_base)


def _parameter_sets(extra: bytes):
    """SPS and PPS of an avcC record (ISO/IEC 14496-15)."""
    place, count = 6, extra[5] & 31
    for _ in range(2):
        for _ in range(count):
            (size,) = struct.unpack_from(">H", extra, place)
            yield extra[place + 2 : place + 2 + size]
            place += 2 + size
        count = extra[place] if place < len(extra) else 0
        place += 1


def _units(data: bytes) -> list[bytes]:
    units, place = [], 0
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        units.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return units


class Handler(socketserver.StreamRequestHandler):
    """One client."""

    server: Server

    def handle(self) -> None:
        self.lock = threading.Lock()
        with suppress(ConnectionError):  # the client has gone
            self._serve()

    def _serve(self) -> None:
        while (request := self._request()) is not None:
            method, headers = request
            answer = getattr(self, f"_{method.lower()}", lambda headers: ("", b""))(headers)
            self._answer(headers.get("cseq", "0"), *answer)
            if method == "PLAY":
                threading.Thread(target=self._stream, daemon=True).start()

    def _request(self):
        line = self.rfile.readline()
        while line and (line[:1] == b"$" or not line.strip()):  # the client's reports about reception
            line = self.rfile.readline()
        if not line:
            return None
        headers = {}
        while field := self.rfile.readline().strip():
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        return line.split()[0].decode(), headers

    def _answer(self, number: str, headers: str, body: bytes) -> None:
        text = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{headers}"
        if body:
            text += f"Content-Length: {len(body)}\r\n"
        with self.lock:
            self.wfile.write(text.encode() + b"\r\n" + body)

    def _options(self, headers):
        return "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n", b""

    def _describe(self, headers):
        served = self.server.served
        sets = ",".join(base64.b64encode(unit).decode() for unit in served.parameters)
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=test", "t=0 0"]
        lines += [
            f"a=range:npt=0-{served.seconds:.3f}",
            "m=video 0 RTP/AVP 96",
            "c=IN IP4 0.0.0.0",
            "a=rtpmap:96 H264/90000",
        ]
        lines += [f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}", "a=control:track0", ""]
        return "Content-Type: application/sdp\r\n", "\r\n".join(lines).encode()

    def _setup(self, headers):
        return "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", b""

    def _play(self, headers):
        return "Range: npt=0-\r\n", b""

    def _stream(self) -> None:
        began, number = time.monotonic(), 0
        with suppress(OSError):  # the client has gone
            for due, seconds, units in self.server.served.pictures:
                time.sleep(max(0.0, began + due - time.monotonic()))
                for unit in units:
                    last, stamp = unit is units[-1], round(seconds * 90000)
                    self._send(struct.pack(">BBHII", 0x80, 96 | last << 7, number, stamp, 1) + unit)
                    number += 1
            self.connection.shutdown(2)

    def _send(self, packet: bytes) -> None:
        with self.lock:
            self.wfile.write(struct.pack(">BBH", 0x24, 0, len(packet)) + packet)


class Server(socketserver.ThreadingTCPServer):
    """On the loopback interface alone."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, path: str):
        self.served = Served(path)
        super().__init__(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    with Server(int(sys.argv[1]), sys.argv[2]) as server:
        print("ready", flush=True)
        server.serve_forever()
