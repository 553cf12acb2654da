"""The experiment on the screen, in plain NumPy and in PyTorch: both networks, from the same start.

Images are too many numbers to write into a program, so that it always learns the two spirals, which
a few lines make. Everything else is as on the screen: for spirals the printed numbers are, too.
"""

from __future__ import annotations

from bn_core.network import BN_EPS
from bn_core.training import snapshot_steps
from bn_core.training_config import TrainingConfig
from bn_core.training_data import SPIRAL_POINTS
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import TakeAlong
from bn_ui.take_along.templates import IMPORTS, SHOW
from bn_ui.text import t

SETTINGS = """
#: about_training
$imports

depth, width, m, steps, seed = $depth, $width, $m, $steps, $seed
learning_rate, weight_scale = $rate, $scale
#: train_place
bn_after, skips = $bn_after, $skips
eps, momentum = $eps, $momentum
n = $n
sizes = [2, *[width] * depth, 2]
"""

DATA = """
#: spirals
def two_spirals(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    radius = np.sqrt(rng.uniform(size=n))
    angle = 3 * np.pi * radius + np.pi * labels
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.02 * rng.standard_normal((n, 2)), labels


#: batches
def mini_batches():
    epoch = 0
    while True:
        order = np.random.default_rng([seed, 0, epoch]).permutation(n)
        yield from order[: n - n % m].reshape(-1, m)
        epoch += 1


#: weights
def weights(number):
    fan_in, fan_out = sizes[number - 1 : number + 1]
    draw = np.random.default_rng([seed, number]).standard_normal((fan_in, fan_out))
    return weight_scale / np.sqrt(fan_in) * draw
"""

NETWORK = """
#: start
def network(batch_norm):
    layers = [{"W": weights(k), "b": np.zeros(sizes[k])} for k in range(1, depth + 2)]
    if batch_norm:
        for layer in layers[:-1]:
            layer.update(gamma=np.ones(width), beta=np.zeros(width))
            layer.update(mean=np.zeros(width), var=np.ones(width))
    return layers


def f(z):
    return $f


def slope(z):
    return $slope
"""

BATCH_NORM = """
#: bn_forward
def bn_forward(layer, u, training):
    if "gamma" not in layer:
        return u, None
    mu, var = layer["mean"], layer["var"]
    if training:
        mu, var = u.mean(axis=0), u.var(axis=0)
        #: train_running
        layer["mean"] = (1 - momentum) * layer["mean"] + momentum * mu
        layer["var"] = (1 - momentum) * layer["var"] + momentum * var * m / (m - 1)
    std = np.sqrt(var + eps)
    x_hat = (u - mu) / std
    return layer["gamma"] * x_hat + layer["beta"], (x_hat, std)


#: bn_backward
def bn_backward(layer, d, saved):
    if saved is None:
        return d
    x_hat, std = saved
    dgamma, dbeta = (d * x_hat).sum(axis=0), d.sum(axis=0)
    du = layer["gamma"] / std * (d - dbeta / m - x_hat * dgamma / m)
    layer["gamma"] = layer["gamma"] - learning_rate * dgamma
    layer["beta"] = layer["beta"] - learning_rate * dbeta
    return du
"""

STEP = """
#: train_forward
def forward(layers, x, training):
    records = []
    for number, layer in enumerate(layers[:-1]):
        z = x @ layer["W"] + layer["b"]
        if bn_after:
            y = z
            out, saved = bn_forward(layer, f(z), training)
        else:
            y, saved = bn_forward(layer, z, training)
            out = f(y)
        records.append((x, y, saved))
        x = out + x if skips and number else out
    return x @ layers[-1]["W"] + layers[-1]["b"], x, records


def linear_backward(layer, x, d):
    dx = d @ layer["W"].T
    layer["W"] = layer["W"] - learning_rate * x.T @ d
    layer["b"] = layer["b"] - learning_rate * d.sum(axis=0)
    return dx


#: train_step
def step(layers, x, labels):
    logits, x_last, records = forward(layers, x, training=True)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(m), labels].mean()
    d = (np.exp(log_p) - np.eye(2)[labels]) / m
    d = linear_backward(layers[-1], x_last, d)
    for number in reversed(range(depth)):
        layer, (x, y, saved) = layers[number], records[number]
        past = d
        if bn_after:
            d = bn_backward(layer, d, saved) * slope(y)
        else:
            d = bn_backward(layer, d * slope(y), saved)
        d = linear_backward(layer, x, d)
        if skips and number:
            d = d + past
    return loss
"""

RUN = """
#: train_run
x, labels = two_spirals(seed=0)
x_new, labels_new = two_spirals(seed=1)


def run(name, batch_norm):
    layers, losses = network(batch_norm), []
    for rows, _ in zip(mini_batches(), range(steps)):
        losses.append(step(layers, x[rows], labels[rows]))
        if not np.isfinite(losses[-1]):
            show(f"diverged_{name}: $word_diverged", len(losses))
            return
    logits, _, _ = forward(layers, x_new, training=False)
    show(f"loss_{name}: $word_loss", np.mean(losses[-$last:]))
    show(f"accuracy_{name}: $word_accuracy", (logits.argmax(axis=1) == labels_new).mean())


run("with", batch_norm=True)
run("without", batch_norm=False)
"""

TORCH_NETWORK = """
#: torch_hidden
class Hidden(torch.nn.Module):
    def __init__(self, number, batch_norm):
        super().__init__()
        self.linear = linear(number)
        none = torch.nn.Identity()
        self.bn = torch.nn.BatchNorm1d(width, eps, momentum) if batch_norm else none
        self.skip = skips and number > 1

    def forward(self, x):
        z = self.linear(x)
        out = self.bn(f(z)) if bn_after else f(self.bn(z))
        return out + x if self.skip else out


#: torch_weights
def linear(number):
    layer = torch.nn.Linear(*sizes[number - 1 : number + 1])
    layer.weight.data = torch.from_numpy(weights(number).T.copy())
    torch.nn.init.zeros_(layer.bias)
    return layer


def network(batch_norm):
    hidden = [Hidden(number, batch_norm) for number in range(1, depth + 1)]
    return torch.nn.Sequential(*hidden, linear(depth + 1)).double()


def f(z):
    return $f
"""

TORCH_RUN = """
#: train_run
x, labels = map(torch.from_numpy, two_spirals(seed=0))
x_new, labels_new = map(torch.from_numpy, two_spirals(seed=1))


def run(name, batch_norm):
    model, losses = network(batch_norm), []
    optimiser = torch.optim.SGD(model.parameters(), lr=learning_rate)
    for rows, _ in zip(mini_batches(), range(steps)):
        loss = torch.nn.functional.cross_entropy(model(x[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
        if not loss.isfinite():
            show(f"diverged_{name}: $word_diverged", torch.tensor(len(losses)))
            return
    #: torch_eval
    model.eval()
    right = model(x_new).argmax(dim=1) == labels_new
    show(f"loss_{name}: $word_loss", torch.stack(losses[-$last:]).mean())
    show(f"accuracy_{name}: $word_accuracy", right.double().mean())


run("with", batch_norm=True)
run("without", batch_norm=False)
"""

# f and its slope, as the book's own activations have them.
NUMPY_F = {
    "sigmoid": ("(1 + np.tanh(z / 2)) / 2", "f(z) * (1 - f(z))"),
    "tanh": ("np.tanh(z)", "1 - np.tanh(z) ** 2"),
    "relu": ("np.maximum(z, 0)", "(z > 0) * 1.0"),
}
TORCH_F = {"sigmoid": "torch.sigmoid(z)", "tanh": "torch.tanh(z)", "relu": "torch.relu(z)"}


def training(config: TrainingConfig) -> TakeAlong:
    """Programs for these settings, whatever they are to learn."""
    steps = snapshot_steps(config.steps, config.moments)
    last = str(steps[-1] - steps[-2])
    places = {
        "depth": str(config.depth),
        "width": str(config.width),
        "m": str(config.batch_size),
        "steps": str(config.steps),
        "seed": str(config.seed),
        "rate": repr(config.learning_rate),
        "scale": repr(config.weight_scale),
        "bn_after": str(config.batch_norm == "after"),
        "skips": str(config.skips),
        "eps": repr(BN_EPS),
        "momentum": repr(config.bn_momentum),
        "n": str(SPIRAL_POINTS),
    }
    numpy, slope = NUMPY_F[config.activation]
    shared = [cell(DATA, "spirals")]
    ours = cell(SETTINGS, "training", imports=IMPORTS["numpy"], **places)
    imports = f"{IMPORTS['numpy']}\n{IMPORTS['torch']}"
    theirs = cell(SETTINGS, "training", imports=imports, **places)
    remark = t("code.spirals") if config.data != "spirals" else t("code.float64")
    return TakeAlong(
        "training",
        t("chapters.training"),
        [
            ours,
            *shared,
            cell(SHOW["numpy"]),
            cell(NETWORK, f=numpy, slope=slope),
            cell(BATCH_NORM, "training_bn"),
            cell(STEP, "training_step"),
            cell(RUN, "training_run", last=last),
        ],
        [
            theirs,
            *shared,
            cell(SHOW["torch"]),
            cell(TORCH_NETWORK, f=TORCH_F[config.activation]),
            cell(TORCH_RUN, last=last),
        ],
        remark,
    )
