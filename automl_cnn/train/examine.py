"""The winner's results on the validation images: its confusions, its calibration, its worst mistakes and their heat maps.

Grad-CAM: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from PIL import Image

from automl_cnn.data import Dataset, pixels
from automl_cnn.evidence import Bin, Evidence, Mistake, points
from automl_cnn.models.readout import BODY
from automl_cnn.tasks import Task
from automl_cnn.train.calibrate import BINS, LEAST
from automl_cnn.train.probe import CLASSIFIER, is_readout
from automl_cnn.train.watch import predict

WORST = 8
THUMBNAIL = 144  # px
QUALITY = 80
HEAT = np.array([[0, 0, 60], [120, 20, 110], [220, 60, 50], [250, 160, 30], [255, 255, 120]], np.float32)  # from nothing to much


def examine(model: keras.Model, card: Mapping[str, Any], dataset: Dataset, probabilities: np.ndarray | None = None) -> Evidence:
    """What `model` (of a bundle with this `card`) does with the validation images, of which it says `probabilities`, where they are known already."""
    rows, task = dataset.rows("val"), dataset.task.deciding(card)
    truth = dataset.truth(rows)
    images = pixels(dataset, int(card["size"]))
    if probabilities is None:
        probabilities = predict(model, images, rows)
    temperature = card.get("temperature")
    worst = task.mistakes(truth, probabilities)[:WORST]
    heats, note = _heats(model, images, rows[[miss.row for miss in worst]], np.array([miss.output for miss in worst], int))
    mistakes = tuple(
        Mistake(
            path=dataset.paths[rows[miss.row]],
            truth=miss.truths[0] if task.exclusive else miss.output,
            predicted=miss.output,
            confidence=miss.confidence,
            chance=miss.chance,
            picture=_jpeg(_thumbnail(images[rows[miss.row]])),
            heat="" if heats is None else _jpeg(_overlaid(_thumbnail(images[rows[miss.row]]), heats[number])),
            truths=() if task.exclusive else miss.truths,
            answers=() if task.exclusive else miss.answers,
            wanted=miss.wanted,
            given=miss.given,
        )
        for number, miss in enumerate(worst)
    )
    return Evidence(
        trial=int(card.get("trial", -1)),
        temperature=None if temperature is None else float(temperature),
        confusion=task.confusion(truth, probabilities),
        bins=bins(task, truth, probabilities),
        raw=bins(task, truth, _heated(task, probabilities, float(temperature))) if temperature is not None and task.probable else (),
        mistakes=mistakes,
        points=() if task.probable else points(truth, probabilities),
        note=note,
    )


def bins(task: Task, truth: np.ndarray, answers: np.ndarray) -> tuple[Bin, ...]:
    """A reliability diagram's bins of equal width, empty ones left out."""
    confidence, right = task.confidence(truth, answers)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(int(np.sum(place == number)), float(confidence[place == number].mean()), float(right[place == number].mean())) for number in np.unique(place)
    )


def _heated(task: Task, answers: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities as they were before the logits were divided by `temperature`."""
    return task.activate(task.logits(np.maximum(answers.astype(np.float64), LEAST)), 1 / temperature)


def _heats(model: keras.Model, images: np.ndarray, rows: np.ndarray, answers: np.ndarray) -> tuple[list[np.ndarray] | None, str]:
    """For each image a map of the evidence for the prediction, within 0..1; None and the reason where it cannot be computed."""
    if not len(rows):
        return [], ""
    if keras.backend.backend() != "tensorflow":
        return None, f"Grad-CAM, which shows where the network looked, needs the TensorFlow backend. This is {keras.backend.backend()}."
    try:
        reader = _looking(model)
        if reader is None:
            return None, "Grad-CAM is unavailable: the network has no feature map of more than one pixel."
        return _maps(reader, np.asarray(images[rows], np.float32), answers), ""
    except Exception as error:  # layers of a plugin may have no gradient; a report without heat maps is still one
        return None, f"Grad-CAM is unavailable: {type(error).__name__}: {' '.join(str(error).split())[:160]}."


def _maps(reader: keras.Model, images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Grad-CAM of each image for its label, all at once: no image's answer depends on another image."""
    import tensorflow as tf

    given = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(given)  # else what lies below frozen layers would not be recorded
        maps, answer = reader(given, training=False)
        score = tf.reduce_sum(tf.gather(answer, labels, axis=1, batch_dims=1))
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    heats = np.maximum(np.asarray(tf.reduce_sum(weights * maps, axis=-1)), 0.0)
    return [np.asarray(heat / heat.max() if heat.max() > 0 else heat) for heat in heats]


def _looking(model: keras.Model) -> keras.Model | None:
    """Images -> a feature map and the logits it leads to; None where there is no map of more than one pixel.

    Of a readout, it is the last map of the first look, the largest without mirroring, and what that map adds to the logits.
    """
    if not is_readout(model):
        looking = _last_map(model)
        return None if looking is None else keras.Model(looking[0].input, [looking[1].output, looking[2]])
    body, classifier = model.get_layer(BODY), model.get_layer(CLASSIFIER)
    looking = _last_map(body)
    if looking is None:
        return None
    averages = body.outputs
    seen = keras.Model(body.input, [looking[1].output, averages[-1]])
    maps, top = seen(body._inbound_nodes[0].input_tensors[0], training=False)  # Keras has no public way to what a layer was called with
    first, width = sum(int(average.shape[-1]) for average in averages[:-1]), int(averages[-1].shape[-1])
    share = keras.layers.Dense(int(classifier.bias.shape[0]), use_bias=False, name="share_of_the_logits")
    answer = share(top)
    share.set_weights([keras.ops.convert_to_numpy(classifier.kernel)[first : first + width]])
    return keras.Model(model.input, [maps, answer])


def _last_map(model: keras.Model) -> tuple[keras.Model, Any, Any] | None:
    """The network (of an ensemble, its first member that has one), its last feature map of more than one pixel, and the logits it leads to."""
    names = {layer.name for layer in model.layers}
    for layer in reversed(model.layers):
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if len(shape) == 4 and not isinstance(layer, keras.layers.InputLayer) and layer.name != "resize" and 1 not in shape[1:3] and _learned(model, layer):
            return model, layer, model.get_layer(CLASSIFIER).output if CLASSIFIER in names else model.output
    for layer in model.layers:
        if isinstance(layer, keras.Model) and (result := _last_map(layer)) is not None:
            return result
    return None


def _learned(model: keras.Model, layer: Any) -> bool:
    """Whether anything with weights comes before the layer: raw pixels, scaled or padded, are not a feature map."""
    return any(before.weights and not isinstance(before, keras.Model) for before in model.layers[: model.layers.index(layer) + 1])


def _thumbnail(image: np.ndarray) -> Image.Image:
    picture = Image.fromarray(np.asarray(image)[..., 0] if image.shape[2] == 1 else np.asarray(image)).convert("RGB")
    return picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC if image.shape[0] >= 32 else Image.Resampling.NEAREST)


def _overlaid(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """The picture in gray under its heat in color: the more, the brighter and the less transparent."""
    size = picture.size
    large = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)).clip(0.0, 1.0)
    place = large * (len(HEAT) - 1)
    low = np.minimum(place.astype(int), len(HEAT) - 2)
    color = HEAT[low] + (HEAT[low + 1] - HEAT[low]) * (place - low)[..., None]
    strength = (0.65 * np.minimum(1.0, 1.6 * large))[..., None]
    gray = np.asarray(picture.convert("L").convert("RGB"), np.float32)
    return Image.fromarray((gray * (1 - strength) + color * strength).clip(0, 255).astype(np.uint8))


def _jpeg(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    return base64.b64encode(out.getvalue()).decode()
