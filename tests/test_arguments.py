"""Every builder shows the arguments that all of them share, explains each once, and refuses any other."""

import inspect

import pytest

import keras_rnn_basics as krb

BUILDERS = [
    krb.build_one_to_one,
    krb.build_one_to_many,
    krb.build_many_to_one,
    krb.build_many_to_many,
    krb.build_encoder_decoder,
]


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_a_builder_explains_each_of_its_arguments_once(build):
    explained = build.__doc__.split("Args:\n")[1].split("\n\n")[0]
    names = [name for line in explained.splitlines() if line[4] != " " for name in line.split(":")[0].split(", ")]
    assert sorted(name.strip() for name in names) == sorted(inspect.signature(build).parameters)


def test_a_misspelt_argument_is_refused_under_the_name_of_the_builder():
    with pytest.raises(TypeError, match=r"^build_many_to_one\(\) got an unexpected keyword argument 'droput'$"):
        krb.build_many_to_one((6,), 8, 2, droput=0.1)


def test_what_a_builder_does_not_have_is_refused_although_others_have_it():
    with pytest.raises(TypeError, match="unexpected keyword argument 'bidirectional'"):
        krb.build_one_to_many(9, 8, bidirectional=True)


def test_arguments_that_are_left_out_are_those_of_the_signature():
    model = krb.build_many_to_many((3,), 4, 2)
    shown = {name: own.default for name, own in inspect.signature(krb.build_many_to_many).parameters.items()}
    layer = model.get_layer("rnn_1")
    config = {**layer.get_config(), **layer.cell.get_config()}
    assert {name: config[name] for name in ("activation", "dropout", "recurrent_dropout", "recurrence", "remat")} == {
        name: shown[name] for name in ("activation", "dropout", "recurrent_dropout", "recurrence", "remat")
    }
