"""Videos in every container and codec that FFmpeg writes here, whose frames say which frame they are."""

import struct
from fractions import Fraction
from pathlib import Path

import av

import video_files

FRAMES = 100  # more than decord would decode without a seek, in several groups of pictures
MILLISECOND, HUNDREDTH = Fraction(1, 1000), Fraction(1, 100)
X264 = {"threads": "1", "preset": "veryfast"}
X265 = {"preset": "ultrafast"}
FAST = {"deadline": "realtime", "cpu-used": "8"}
NO_EDITS = {"use_editlist": "0"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
OPEN = {"bf": "2", "x264-params": "open-gop=1"}


def irregular(index):
    """Milliseconds of a frame of a video with a variable rate."""
    return 40 * index + 7 * index * index % 37


def late(index):
    return 2000 + 40 * index


def h264(bf=2, **more):
    return {"encoder": "libx264", "codec": X264 | {"bf": str(bf)}} | more


def hevc(more=""):
    return {"encoder": "libx265", "codec": X265 | {"x265-params": f"bframes=3:pools=1:log-level=none{more}"}}


CASES = {
    **{f"h264-{bf}.{ending}": h264(bf) for bf in (0, 2, 3) for ending in ("mp4", "mkv", "ts", "flv", "avi")},
    **{f"h264-{bf}-no-edit-list.mp4": h264(bf, muxer=NO_EDITS) for bf in (0, 2, 3)},
    **{f"h264-{bf}-fragments.mp4": h264(bf, muxer=FRAGMENTS) for bf in (0, 2)},
    "h264-fragment-a-frame.mp4": h264(muxer={"movflags": "frag_every_frame+empty_moov"}),
    "h264-dash.mp4": h264(muxer={"movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov"}),
    "h264-negative-offsets.mp4": h264(muxer={"movflags": "negative_cts_offsets"}),
    "h264-index-first.mp4": h264(muxer={"movflags": "faststart"}),
    "h264-variable-rate.mp4": h264(times=irregular),
    "h264-variable-rate.mkv": h264(times=irregular),
    "h264-variable-rate-no-edit-list.mp4": h264(times=irregular, muxer=NO_EDITS),
    "h264-late.mp4": h264(times=late),
    "h264-late.mkv": h264(times=late),
    "h264-late-no-edit-list.mp4": h264(times=late, muxer=NO_EDITS),
    "h264.mov": h264(),
    "h264.nut": h264(),
    "h264-no-duration.mkv": h264(muxer={"live": "1"}),
    "h264-one-keyframe.mp4": h264(gap=1000),
    "h264-one-keyframe-no-edit-list.mp4": h264(gap=1000, muxer=NO_EDITS),
    "h264-keyframes-alone.mp4": h264(0, gap=1),
    "h264-open.mp4": h264(codec=X264 | OPEN),
    "h264-open.mkv": h264(codec=X264 | OPEN),
    "h264-open-no-edit-list.mp4": h264(codec=X264 | OPEN, muxer=NO_EDITS),
    "h264-open-fragments.mp4": h264(codec=X264 | OPEN, muxer=FRAGMENTS),
    "h264-pyramid-no-edit-list.mp4": h264(
        codec=X264 | {"bf": "3", "x264-params": "b-pyramid=normal:b-adapt=0"}, muxer=NO_EDITS
    ),
    "h264-intra-refresh.mp4": h264(0, codec=X264 | {"x264-params": "intra-refresh=1"}),
    "h264-intra-refresh.mkv": h264(0, codec=X264 | {"x264-params": "intra-refresh=1"}),
    "h264-444.mp4": h264(pixels="yuv444p"),
    "h264-10-bits.mp4": h264(pixels="yuv420p10le"),
    **{f"h264-{side}-pixels.mp4": h264(size=(side, side)) for side in (8, 16, 24, 32, 40, 48, 56, 72, 96)},
    **{f"h264-24x64.{ending}": h264(size=(24, 64)) for ending in ("mp4", "mkv")},
    "mpeg4.mp4": {"encoder": "mpeg4", "codec": {"bf": "2"}},
    "mpeg4.mkv": {"encoder": "mpeg4", "codec": {"bf": "2"}},
    "mpeg4-0.avi": {"encoder": "mpeg4"},
    "mpeg4-2.avi": {"encoder": "mpeg4", "codec": {"bf": "2"}},
    **{f"vp8.{ending}": {"encoder": "libvpx"} for ending in ("webm", "mkv")},
    **{f"vp9.{ending}": {"encoder": "libvpx-vp9", "codec": FAST} for ending in ("webm", "mkv", "mp4")},
    "vp9-two-layers.webm": {
        "encoder": "libvpx-vp9",
        "codec": {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"},
        "gap": 50,
    },
    "vp8-no-duration.webm": {"encoder": "libvpx", "muxer": {"live": "1"}},
    "vp9-no-duration.webm": {"encoder": "libvpx-vp9", "codec": FAST, "muxer": {"live": "1"}},
    "vp8-variable-rate.webm": {"encoder": "libvpx", "times": irregular},
    "vp9-variable-rate.webm": {"encoder": "libvpx-vp9", "codec": FAST, "times": irregular},
    **{f"av1.{ending}": {"encoder": "libsvtav1", "codec": {"preset": "10"}} for ending in ("webm", "mp4")},
    **{f"hevc.{ending}": hevc() for ending in ("mp4", "mkv")},
    "hevc-open.mp4": hevc(":open-gop=1"),
    "pictures.gif": {"encoder": "gif", "pixels": "rgb8"},
    "variable-rate.gif": {
        "encoder": "gif",
        "pixels": "rgb8",
        "times": lambda index: 4 * index + index % 3,
        "unit": HUNDREDTH,
    },
    "mpeg2.mpg": {"encoder": "mpeg2video", "codec": {"bf": "2"}},
    "msmpeg4.avi": {"encoder": "msmpeg4"},
    "mjpeg.avi": {"encoder": "mjpeg", "pixels": "yuvj420p"},
    "wmv2.wmv": {"encoder": "wmv2"},
}


def write(
    path,
    encoder="libx264",
    *,
    codec=None,
    muxer=None,
    frames=FRAMES,
    size=(80, 64),
    gap=12,
    pixels="yuv420p",
    times=None,
    unit=MILLISECOND,
):
    """A video; `times` gives the time of a frame in `unit`, `codec` and `muxer` are options of FFmpeg's."""
    width, height = size
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(encoder, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.bit_rate, stream.gop_size, stream.options = 4_000_000, gap, codec or {}
        if times:
            stream.codec_context.time_base = unit
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(video_files.frame(index, height, width), format="rgb24")
            if times:
                picture.pts, picture.time_base = times(index), unit
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def case(folder: Path, name: str) -> Path:
    return write(folder / name, **CASES[name])


def rewrite(source: Path, target: Path, change) -> Path:
    """The video of a file with its packets' bytes changed: `change` takes and gives (bytes, is_keyframe)."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = given.streams.video[0]
        copied = made.add_stream_from_template(stream)
        packets = [packet for packet in given.demux(stream) if packet.size]
        content = change([(bytes(packet), packet.is_keyframe) for packet in packets])
        for number, (packet, (data, key)) in enumerate(zip(packets, content, strict=True)):
            packed = av.Packet(data)
            at = (number, number) if target.suffix == ".avi" else (packet.pts, packet.dts)
            packed.pts, packed.dts, packed.time_base = *at, packet.time_base
            packed.stream, packed.is_keyframe = copied, key
            made.mux(packed)
    return target


VOP, USER_DATA = b"\0\0\1\xb6", b"\0\0\1\xb2"  # of MPEG-4 Part 2: a picture, and a comment
EMPTY_VOP = VOP + b"\x50\x4f"


def divx_packed(folder: Path) -> Path:
    """As DivX wrote AVIs: a P-frame and the B-frame before it in one packet, and an empty one after it."""

    def kind(data):  # 0: I, 1: P, 2: B
        return data[data.index(VOP) + 4] >> 6

    def pack(packets):
        data, packed = [data for data, _ in packets], []
        while data:
            first = data.pop(0)
            if kind(first) == 0:
                at = first.index(VOP)
                first = first[:at] + USER_DATA + b"DivX503b1393p" + first[at:]
            if data and kind(data[0]) == 2:
                packed += [(first + data.pop(0), kind(first) == 0), (EMPTY_VOP, False)]
            else:
                packed.append((first, kind(first) == 0))
        return packed

    plain = write(folder / "divx-plain.avi", "mpeg4", codec={"bf": "1"}, frames=61)
    return rewrite(plain, folder / "divx-packed.avi", pack)


def hidden_frames(folder: Path, hidden=(20, 50)) -> Path:
    """VP8 with frames that are not to be shown, as encoders make them to be referred to."""

    def hide(packets):
        return [
            (bytes([data[0] & ~0x10]) + data[1:] if number in hidden else data, key)
            for number, (data, key) in enumerate(packets)
        ]

    return rewrite(case(folder, "vp8.webm"), folder / "vp8-hidden.webm", hide)


def rotated(folder: Path) -> Path:
    """A video to be shown turned by a quarter: the matrix in its track header says so."""
    path = case(folder, "h264-2.mp4")
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    target = folder / "rotated.mp4"
    target.write_bytes(content)
    return target
