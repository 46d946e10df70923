import pytest

import keras_rnn_basics as krb
from keras_rnn_basics.export.paths import insist_on_free, with_suffix


def test_a_folder_is_never_replaced_by_a_file(tmp_path):
    (tmp_path / "m.onnx").mkdir()
    (tmp_path / "m.onnx" / "letter.txt").write_text("dear")
    with pytest.raises(FileExistsError, match=r"m\.onnx is a folder; it is left unchanged"):
        insist_on_free([tmp_path / "m.onnx", tmp_path / "m.step.onnx"], overwrite=True)
    assert (tmp_path / "m.onnx" / "letter.txt").read_text() == "dear"


@pytest.mark.extra
@pytest.mark.parametrize(("export", "name"), [(krb.export_onnx, "m.onnx"), (krb.export_litert, "m.tflite")])
def test_no_export_replaces_a_folder(export, name, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError, match="is a folder"):
        export(krb.build_one_to_one((3,), 4, 2), tmp_path / name, overwrite=True)
    assert (tmp_path / name).is_dir()


def test_files_that_are_there_are_named_together(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths[:2]:
        path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"/a, .*/b exists already; overwrite=True"):
        insist_on_free(paths, overwrite=False)
    insist_on_free(paths, overwrite=True)
    insist_on_free(paths[2:], overwrite=False)


def test_a_path_needs_its_suffix(tmp_path):
    assert with_suffix(str(tmp_path / "m.onnx"), ".onnx") == tmp_path / "m.onnx"
    with pytest.raises(ValueError, match=r"path must end with \.onnx, got '.*m'"):
        with_suffix(tmp_path / "m", ".onnx")
