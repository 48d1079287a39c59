"""Tensors in a file, in the safetensors layout: a JSON header, then the numbers.

64-bit floats, so that what is read is to the last bit what was written. Unlike a pickle, such a
file holds nothing that could run when it is read.
"""

import json
import math
import struct


def save(path, tensors, metadata=None):
    """Writes `tensors` (name -> list of numbers or of rows) and `metadata` (name -> text)."""
    header, values = {"__metadata__": metadata or {}}, []
    for name, tensor in tensors.items():
        rows = tensor if isinstance(tensor[0], list) else [tensor]
        begin = 8 * len(values)
        for row in rows:
            values += row
        shape = [len(rows), len(rows[0])] if rows is tensor else [len(tensor)]
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [begin, 8 * len(values)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.write(struct.pack(f"<{len(values)}d", *values))


def load(path):
    """Reads such a file; returns (tensors, metadata)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(*struct.unpack("<Q", file.read(8))))
        data = file.read()
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        if entry["dtype"] != "F64":
            raise ValueError(f"{path}: tensor {name} is {entry['dtype']}, only F64 is read here")
        begin, shape = entry["data_offsets"][0], entry["shape"]
        values = list(struct.unpack_from(f"<{math.prod(shape)}d", data, begin))
        if len(shape) == 2:
            width = shape[1]
            values = [values[i * width : (i + 1) * width] for i in range(shape[0])]
        tensors[name] = values
    return tensors, metadata
