"""The weights' file format, read here by what its specification says."""

from __future__ import annotations

import json
import struct
import unittest
from pathlib import Path
from typing import Any

from helpers import FolderCase

import epochtree
from epochtree._safetensors import SafeTensors, Tensor, is_safetensors, read_header


def tensors(**values: tuple[str, list[int], bytes]) -> SafeTensors:
    made = {
        name: Tensor(dtype, shape, lambda data=data: memoryview(data)) for name, (dtype, shape, data) in values.items()
    }
    return SafeTensors(made, {"note": "ü"})


SOME = {
    "flags": ("BOOL", [3], b"\1\0\1"),
    "ü/weight": ("F64", [2, 1], struct.pack("<2d", 0.5, -1)),
    "none": ("F32", [0, 4], b""),
    "scalar": ("I64", [], struct.pack("<q", 7)),
    "half": ("BF16", [1], b"\x80\x3f"),
}


class Format(FolderCase):
    def parsed(self, data: bytes) -> dict[str, Any]:
        (length,) = struct.unpack("<Q", data[:8])
        self.assertEqual(length % 8, 0)
        header = json.loads(data[8 : 8 + length])
        self.assertEqual(header.pop("__metadata__"), {"note": "ü"})
        rest, at, found = data[8 + length :], 0, {}
        for name, told in header.items():
            begin, end = told["data_offsets"]
            self.assertEqual(begin, at, "no holes")
            at = end
            found[name] = (told["dtype"], told["shape"], rest[begin:end])
        self.assertEqual(at, len(rest))
        return found

    def test_committed_tensors_are_a_file_that_others_read(self) -> None:
        with epochtree.session("m") as session:
            self.assertTrue(session.epoch().commit(weights=tensors(**SOME), state=tensors(**SOME)))
        weights = self.lines(kind="commit")[0]["weights"]
        self.assertEqual(weights["format"], "safetensors")
        path = self.runs()[0] / weights["file"]
        self.assertEqual(self.parsed(path.read_bytes()), SOME)
        self.assertTrue(is_safetensors(str(path)))
        with open(path, "rb") as file:
            places, metadata = read_header(file, str(path))
            self.assertEqual(metadata, {"note": "ü"})
            for name, place in places.items():
                file.seek(place.begin)
                self.assertEqual((place.dtype, place.shape, file.read(place.size)), SOME[name])
        tensors(**SOME).save(self.root / "own.safetensors")
        self.assertEqual((self.root / "own.safetensors").read_bytes(), path.read_bytes())

    def test_damaged_files_are_refused(self) -> None:
        whole = bytes(tensors(**SOME))
        length = struct.unpack("<Q", whole[:8])[0]
        path = Path(self.root, "bad")
        bad = {
            "cut": whole[:-1],
            "header cut": whole[:40],
            "empty": b"",
            "too long": struct.pack("<Q", 1 << 60) + whole[8:],
            "no JSON": whole[:8] + b"x" * length + whole[8 + length :],
            "other type": whole.replace(b'"F64"', b'"F65"'),
            "other size": whole.replace(b'"shape":[2,1]', b'"shape":[2,2]'),
            "negative": whole.replace(b'"shape":[2,1]', b'"shape":[-1]'),
            "list": struct.pack("<Q", 8) + b"[1,2]   ",
        }
        for name, data in bad.items():
            with self.subTest(name):
                path.write_bytes(data)
                with open(path, "rb") as file, self.assertRaises(epochtree.EpochtreeError) as failed:
                    read_header(file, str(path))
                self.assertEqual(failed.exception.code, "weights-unreadable")
        path.write_bytes(b"PK\3\4 a zip file of torch.save")
        self.assertFalse(is_safetensors(str(path)))

    def test_tensors_that_change_their_size_meanwhile(self) -> None:
        made = SafeTensors({"a": Tensor("U8", [2], lambda: memoryview(b"three"))})
        with self.assertRaises(ValueError):
            bytes(made)


if __name__ == "__main__":
    unittest.main()
