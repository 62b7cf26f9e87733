"""A client generated from proto/: diagnoses TARGET at ADDRESS and prints what it understood as one JSON line.

    python diagnose.py PROTO_DIR ADDRESS TARGET
"""

import json
import pathlib
import sys
import tempfile

import grpc
import grpc_tools
from google.protobuf.json_format import MessageToDict
from grpc_tools import protoc


def main(proto_dir: str, address: str, target: str) -> None:
    with tempfile.TemporaryDirectory() as out:
        protos = sorted(str(p) for p in pathlib.Path(proto_dir).glob("sonde/v1/*.proto"))
        include = str(pathlib.Path(grpc_tools.__file__).parent / "_proto")
        code = protoc.main(
            ["protoc", f"-I{proto_dir}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", *protos]
        )
        if code:
            raise SystemExit("protoc failed")
        sys.path.insert(0, out)
        from sonde.v1 import diagnosis_pb2, diagnosis_pb2_grpc

        with grpc.insecure_channel(address) as channel:
            stub = diagnosis_pb2_grpc.DiagnosisServiceStub(channel)
            request = diagnosis_pb2.DiagnoseRequest(target=target)
            kinds, finished = [], None
            for response in stub.Diagnose(request, timeout=30):
                kinds.append(response.event.WhichOneof("event"))
                if kinds[-1] == "finished":
                    finished = response.event.finished
        print(json.dumps({"events": kinds, "diagnosis": MessageToDict(finished)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
