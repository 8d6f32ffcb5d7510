from automl_cnn.modelfile.reasons import reason

LAMBDA = (
    "Requested the deserialization of a `Lambda` layer whose `function` is a Python lambda. This carries a potential risk of arbitrary code "
    "execution and thus it is disallowed by default."
)


def test_the_reason_is_at_the_bottom():
    wrapped = (
        f"<class 'Functional'> could not be deserialized properly. Please ensure…\n\nconfig={{'a': '{'x' * 5000}'}}.\n\nException encountered: no such thing"
    )
    assert reason(TypeError(wrapped)) == "no such thing"
    assert reason(TypeError(f"Could not locate class 'X'. Full object config: {{'a': {'1' * 900}}}")) == "Could not locate class 'X'"


def test_a_lambda_layer_is_named():
    wrapped = f"{'could not be deserialized. ' * 30}\n\nconfig={{}}.\n\nException encountered: {LAMBDA}"
    assert reason(TypeError(wrapped)).startswith("it holds a Lambda layer")
    assert reason(ValueError(LAMBDA)).startswith("it holds a Lambda layer")


def test_it_is_short_and_never_empty():
    assert len(reason(ValueError("long " * 1000))) <= 300
    assert reason(MemoryError()) == "MemoryError"
