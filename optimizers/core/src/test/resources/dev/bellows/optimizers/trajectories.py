"""Reference trajectories of the update rules in FP64: python3 trajectories.py > trajectories.txt

Written from the published pseudo-code alone: Chen et al. 2023, algorithm 2 (Lion); Shazeer and Stern 2018 as torch.optim.Adafactor of torch 2.5
orders it; Jordan et al. 2024 as torch.optim.Muon of torch 2.9 orders it, adjust_lr_fn="match_rms_adamw", but in FP64 throughout.
Parameter i starts at sin(i + 1), the gradient of step t at i is scale * cos(3 i + t) * (1 + i % 5). Each line: case, step, elements.
"""
import numpy as np

STEPS = 5


def start(shape):
    return np.sin(np.arange(np.prod(shape, dtype=int)) + 1.0).reshape(shape)


def gradient(shape, t, scale=1.0):
    i = np.arange(np.prod(shape, dtype=int))
    return (scale * np.cos(3.0 * i + t) * (1 + i % 5)).reshape(shape)


def show(case, t, p):
    print(case, t, " ".join(repr(float(x)) for x in p.ravel()))


def lion(case, shape, lr, b1, b2, decay):
    p, m = start(shape), np.zeros(shape)
    for t in range(1, STEPS + 1):
        g = gradient(shape, t)
        update = np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g
        p = p - lr * (update + decay * p)
        show(case, t, p)


def adafactor(case, shape, lr, decay, beta2_decay=-0.8, eps1=2.0**-23, eps2=1e-3, d=1.0, relative=True, scale=1.0):
    p = start(shape)
    r = np.zeros(shape[:-1] + (1,))
    c = np.zeros(shape[:-2] + (1,) + shape[-1:]) if len(shape) > 1 else None
    v = np.zeros(shape)
    for t in range(1, STEPS + 1):
        g = gradient(shape, t, scale)
        w = t**beta2_decay
        rho = min(lr, 1 / np.sqrt(t))
        alpha = max(eps2, np.sqrt(np.mean(p * p))) * rho if relative else lr
        p = p * (1 - lr * decay)
        if len(shape) > 1:
            r = r + w * (np.mean(g * g, axis=-1, keepdims=True) - r)
            c = c + w * (np.mean(g * g, axis=-2, keepdims=True) - c)
            estimate = (r @ c) / np.maximum(np.mean(r, axis=-2, keepdims=True), eps1)
        else:
            v = v + w * (g * g - v)
            estimate = v
        u = g / np.sqrt(np.maximum(estimate, eps1 * eps1))
        p = p - alpha * u / max(1.0, np.sqrt(np.mean(u * u)) / d)
        show(case, t, p)


def newton_schulz(g):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / max(np.linalg.norm(x), 1e-7)
    for _ in range(5):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def muon(case, shape, lr, mu, nesterov, decay):
    p = start(shape).reshape(shape[0], -1)
    buf = np.zeros(p.shape)
    for t in range(1, STEPS + 1):
        g = gradient(shape, t).reshape(p.shape)
        buf = buf + (1 - mu) * (g - buf)
        update = g + mu * (buf - g) if nesterov else buf
        p = p * (1 - lr * decay) - lr * 0.2 * np.sqrt(max(p.shape)) * newton_schulz(update)
        show(case, t, p)


lion("lion", (7,), 0.01, 0.9, 0.99, 0.3)
adafactor("adafactor-matrix", (3, 4), 0.05, 0.1)
adafactor("adafactor-clipped", (4, 3), 0.7, 0.0, d=0.5)
adafactor("adafactor-vector", (5,), 0.05, 0.1)
adafactor("adafactor-kernel", (2, 3, 4), 0.05, 0.0)
adafactor("adafactor-absolute", (3, 4), 0.01, 0.1, relative=False)
adafactor("adafactor-tiny", (3, 4), 0.05, 0.0, scale=1e-9)
muon("muon-wide", (3, 5), 0.02, 0.95, True, 0.1)
muon("muon-tall", (5, 3), 0.02, 0.95, True, 0.1)
muon("muon-plain", (4, 4), 0.02, 0.9, False, 0.0)
muon("muon-kernel", (3, 2, 2), 0.02, 0.95, True, 0.1)
