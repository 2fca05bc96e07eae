"""TV-L1's inner loops, compiled by numba; all in this one file, so that one stamp guards the cache.

A *plane* is a flat float32 array of (h + 2) rows of `stride` floats: one guard row above and below, LANES
guard columns at the left, and zeros up to the next multiple of LANES at the right. Rows start on cache
lines, and whole vectors are processed without remainder; guards stay zero, so they change no result.
"""

import numpy as np

from .compiling import compiled, compiled_row

LANES = 16
GUARD = 4
PLANES = 12
_EPSILON = np.float32(1.1920929e-07)
_ONE = np.float32(1)
_CUBIC = np.float32(-0.75)
_1, _4, _8, _12, _16 = np.uintp(1), np.uintp(4), np.uintp(8), np.uintp(12), np.uintp(16)


@compiled
def resized(image: np.ndarray, height: int, width: int, step_y: float, step_x: float) -> np.ndarray:
    """Bilinear resize, float32 [h, w] -> [height, width]; `step` is source pixels per target pixel."""
    h, w = image.shape
    left = np.empty(width, np.int64)
    right = np.empty(width, np.int64)
    part = np.empty(width, np.float32)
    for x in range(width):
        left[x], right[x], part[x] = _source(x, step_x, w)
    out = np.empty((height, width), np.float32)
    for y in range(height):
        above, below, fraction = _source(y, step_y, h)
        top, bottom = image[above], image[below]
        for x in range(width):
            a, b, f = left[x], right[x], part[x]
            upper = top[a] + f * (top[b] - top[a])
            lower = bottom[a] + f * (bottom[b] - bottom[a])
            out[y, x] = upper + fraction * (lower - upper)
    return out


@compiled
def _source(target: int, step: float, size: int) -> tuple[int, int, np.float32]:
    """Source pixel, its neighbour and the neighbour's weight: pixel centres meet, edges repeat."""
    position = (target + 0.5) * step - 0.5
    first = int(np.floor(position))
    if first < 0:
        return 0, 0, np.float32(0)
    if first >= size - 1:
        return size - 1, size - 1, np.float32(0)
    return first, first + 1, np.float32(position - first)


@compiled
def with_gradients(image: np.ndarray) -> np.ndarray:
    """float32 [h, w] -> [h + 8, w + 8, 4]: the image, its central differences along x and y, and 0.

    One pixel's values lie side by side, so that the warp fetches them at once; outside is zero.
    """
    h, w = image.shape
    out = np.zeros((h + 2 * GUARD, w + 2 * GUARD, 4), np.float32)
    half = np.float32(0.5)
    for y in range(h):
        above, below = image[max(y - 1, 0)], image[min(y + 1, h - 1)]
        row, target = image[y], out[y + GUARD]
        for x in range(w):
            target[x + GUARD, 0] = row[x]
            target[x + GUARD, 1] = half * (row[min(x + 1, w - 1)] - row[max(x - 1, 0)])
            target[x + GUARD, 2] = half * (below[x] - above[x])
    return out


@compiled
def _cubic_weights(f: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Keys' cubic convolution with a = -0.75 at fraction f in [0, 1)."""
    g = _ONE - f
    w0 = _CUBIC * f * g * g
    w1 = ((_CUBIC + np.float32(2)) * f - (_CUBIC + np.float32(3))) * f * f + _ONE
    w3 = _CUBIC * g * f * f
    return w0, w1, _ONE - w0 - w1 - w3, w3


@compiled_row
def _aim_row(y, h, columns, u1, u2, weights, start):  # type: ignore[no-untyped-def]
    """Where a row's pixels come from: cubic weights along x (0..3) and y (4..7), place of the first tap."""
    w = len(u1)
    for x in range(w):
        px = min(max(np.float32(x) + u1[x], np.float32(-2)), np.float32(w + 1))
        py = min(max(np.float32(y) + u2[x], np.float32(-2)), np.float32(h + 1))
        fx, fy = np.floor(px), np.floor(py)
        weights[0, x], weights[1, x], weights[2, x], weights[3, x] = _cubic_weights(px - fx)
        weights[4, x], weights[5, x], weights[6, x], weights[7, x] = _cubic_weights(py - fy)
        start[x] = ((np.int32(fy) + GUARD - 1) * columns + np.int32(fx) + GUARD - 1) * 4


@compiled_row
def _gather_row(taps, row_length, weights, start, out):  # type: ignore[no-untyped-def]
    """Interpolate a row along y: out [w * 16] holds, for each pixel, four columns of four channels.

    These sixteen values lie side by side in `taps` too, in each of the four source rows.
    """
    for pair in range(len(start) // 2):  # two pixels at a time: LLVM would unroll a smaller loop to scalars
        x, z = np.uintp(2 * pair), np.uintp(2 * pair + 1)
        t0, s0 = np.uintp(start[x]), np.uintp(start[z])
        t1, s1 = t0 + row_length, s0 + row_length
        t2, s2 = t1 + row_length, s1 + row_length
        t3, s3 = t2 + row_length, s2 + row_length
        a0, a1, a2, a3 = weights[4, x], weights[5, x], weights[6, x], weights[7, x]
        b0, b1, b2, b3 = weights[4, z], weights[5, z], weights[6, z], weights[7, z]
        o, p = x * _16, z * _16
        for lane in range(16):
            k = np.uintp(lane)
            out[o + k] = taps[t0 + k] * a0 + taps[t1 + k] * a1 + taps[t2 + k] * a2 + taps[t3 + k] * a3
            out[p + k] = taps[s0 + k] * b0 + taps[s1 + k] * b1 + taps[s2 + k] * b2 + taps[s3 + k] * b3


@compiled_row
def _linear_row(first, columns, weights, u1, u2, ix, iy, rho, inverse):  # type: ignore[no-untyped-def]
    """Interpolate along x; then the data term around u: its gradient, the constant part of
    rho = I1(x + u0) + <grad, u - u0> - I0, and 1 / |grad|^2 (0 where there is no gradient)."""
    for x in range(len(first)):
        p = np.uintp(x * 16)
        a0, a1, a2, a3 = weights[0, x], weights[1, x], weights[2, x], weights[3, x]
        s0 = columns[p] * a0 + columns[p + _4] * a1 + columns[p + _8] * a2 + columns[p + _12] * a3
        p += _1
        gx = columns[p] * a0 + columns[p + _4] * a1 + columns[p + _8] * a2 + columns[p + _12] * a3
        p += _1
        gy = columns[p] * a0 + columns[p + _4] * a1 + columns[p + _8] * a2 + columns[p + _12] * a3
        square = gx * gx + gy * gy
        ix[x], iy[x] = gx, gy
        rho[x] = s0 - gx * u1[x] - gy * u2[x] - first[x]
        inverse[x] = _ONE / square if square > _EPSILON else np.float32(0)


@compiled
def _warp(first, second, u1, u2, ix, iy, rho, inverse, stride):  # type: ignore[no-untyped-def]
    """Linearise the data term at u, a row at a time: the warped image is never stored."""
    h, w = first.shape
    even = w + w % 2
    weights = np.zeros((8, even), np.float32)
    start = np.zeros(even, np.int64)
    columns = np.empty(even * 16, np.float32)
    taps = second.reshape(-1)
    for y in range(h):
        a = (y + 1) * stride + LANES
        b = a + w
        _aim_row(y, h, second.shape[1], u1[a:b], u2[a:b], weights, start)
        _gather_row(taps, np.uintp(second.shape[1] * 4), weights, start, columns)
        _linear_row(first[y], columns, weights, u1[a:b], u2[a:b], ix[a:b], iy[a:b], rho[a:b], inverse[a:b])


@compiled_row
def _primal_row(o, blocks, u1, u2, p11, p11_left, p12, p12_above, p21, p21_left, p22, p22_above,  # type: ignore[no-untyped-def]
                ix, iy, rho, inverse, change, theta, limit):  # fmt: skip
    """One row of u: the thresholding step on the data term, then u = v + theta * div p."""
    for block in range(blocks):
        q = o + np.uintp(block * LANES)
        for lane in range(LANES):
            x = q + np.uintp(lane)
            a, b, gx, gy = u1[x], u2[x], ix[x], iy[x]
            f = min(max(-(rho[x] + gx * a + gy * b) * inverse[x], -limit), limit)
            da = f * gx + theta * (p11[x] - p11_left[x] + p12[x] - p12_above[x])
            db = f * gy + theta * (p21[x] - p21_left[x] + p22[x] - p22_above[x])
            u1[x] = a + da
            u2[x] = b + db
            change[x - o] += da * da + db * db


@compiled_row
def _dual_row(o, below, blocks, p11, p12, p21, p22, u1, u1_right, u2, u2_right, inside, step):  # type: ignore[no-untyped-def]
    """One row of the dual variables: p = (p + step * grad u) / (1 + step * |grad u|)."""
    for block in range(blocks):
        q = o + np.uintp(block * LANES)
        r = below + np.uintp(block * LANES)
        for lane in range(LANES):
            x = q + np.uintp(lane)
            z = r + np.uintp(lane)
            a, b, k = u1[x], u2[x], inside[x - o]
            ax, ay = (u1_right[x] - a) * k, u1[z] - a
            bx, by = (u2_right[x] - b) * k, u2[z] - b
            s = _ONE + step * np.sqrt(ax * ax + ay * ay)
            t = _ONE + step * np.sqrt(bx * bx + by * by)
            both = _ONE / (s * t)  # one division in place of two
            over_s, over_t = both * t, both * s
            p11[x] = (p11[x] + step * ax) * over_s
            p12[x] = (p12[x] + step * ay) * over_s
            p21[x] = (p21[x] + step * bx) * over_t
            p22[x] = (p22[x] + step * by) * over_t


@compiled
def _iterate(planes, u1, u2, inside, change, h, stride, theta, limit, step):  # type: ignore[no-untyped-def]
    """One iteration as one pass over the rows: row y of u, then row y - 1 of p. The summed squared change."""
    base = stride + LANES
    blocks = (stride - LANES) // LANES
    u1_, u1_right, u2_, u2_right = u1[base:], u1[base + 1 :], u2[base:], u2[base + 1 :]
    p11, p12, p21, p22 = planes[0, base:], planes[1, base:], planes[2, base:], planes[3, base:]
    p11_left, p21_left = planes[0, base - 1 :], planes[2, base - 1 :]
    p12_above, p22_above = planes[1, LANES:], planes[3, LANES:]
    ix, iy, rho, inverse = planes[4, base:], planes[5, base:], planes[6, base:], planes[7, base:]
    change[:] = 0
    for y in range(h + 1):
        if y < h:
            _primal_row(
                np.uintp(y * stride), blocks, u1_, u2_,
                p11, p11_left, p12, p12_above, p21, p21_left, p22, p22_above,
                ix, iy, rho, inverse, change, theta, limit,
            )  # fmt: skip
        if y > 0:
            below = np.uintp(min(y, h - 1) * stride)  # at the last row the difference to itself: zero
            _dual_row(np.uintp((y - 1) * stride), below, blocks, p11, p12, p21, p22,
                      u1_, u1_right, u2_, u2_right, inside, step)  # fmt: skip
    return change.sum()


@compiled
def _ordered(a, b):  # type: ignore[no-untyped-def]
    return min(a, b), max(a, b)


@compiled
def _sorted5(a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Five values in rising order, by nine comparators; LLVM drops those whose output nobody reads."""
    a, d = _ordered(a, d)
    b, e = _ordered(b, e)
    a, c = _ordered(a, c)
    b, d = _ordered(b, d)
    a, b = _ordered(a, b)
    c, e = _ordered(c, e)
    b, c = _ordered(b, c)
    d, e = _ordered(d, e)
    c, d = _ordered(c, d)
    return a, b, c, d, e


@compiled_row
def _sort_columns(blocks, plane, r0, r1, r2, r3, r4, c0, c1, c2, c3, c4):  # type: ignore[no-untyped-def]
    """Sort the five values that stand above each other in rows r0..r4 (offsets), for every column."""
    for block in range(blocks):
        for lane in range(LANES):
            x = np.uintp(block * LANES) + np.uintp(lane)
            a, b, c, d, e = _sorted5(
                plane[r0 + x], plane[r1 + x], plane[r2 + x], plane[r3 + x], plane[r4 + x]
            )
            c0[x], c1[x], c2[x], c3[x], c4[x] = a, b, c, d, e


@compiled_row
def _median_row(o, blocks, out, c0, c1, c2, c3, c4):  # type: ignore[no-untyped-def]
    """Median of 5x5 from sorted columns.

    With columns and then rows sorted, entry (i, j), counted from 1, exceeds at least ij - 1 others and is
    exceeded by at least (6 - i)(6 - j) - 1: only 13 entries can be the 13th; 22 comparators single it out.
    """
    for block in range(blocks):
        for lane in range(LANES):
            x = np.uintp(block * LANES) + np.uintp(lane)
            y0, y1, y2, y3, y4 = x, x + np.uintp(1), x + np.uintp(2), x + np.uintp(3), x + np.uintp(4)
            _, _, _, w0, w8 = _sorted5(c0[y0], c0[y1], c0[y2], c0[y3], c0[y4])
            _, _, w1, w2, w3 = _sorted5(c1[y0], c1[y1], c1[y2], c1[y3], c1[y4])
            _, w5, w10, w11, _ = _sorted5(c2[y0], c2[y1], c2[y2], c2[y3], c2[y4])
            w4, w6, w7, _, _ = _sorted5(c3[y0], c3[y1], c3[y2], c3[y3], c3[y4])
            w9, w12, _, _, _ = _sorted5(c4[y0], c4[y1], c4[y2], c4[y3], c4[y4])
            w0, w1 = _ordered(w0, w1)
            w4, w5 = _ordered(w4, w5)
            w8, w9 = _ordered(w8, w9)
            w8, w10 = _ordered(w8, w10)
            w9 = min(w9, w11)
            w9, w10 = _ordered(w9, w10)
            w4 = max(w0, w4)
            w5 = max(w1, w5)
            w2, w6 = _ordered(w2, w6)
            w3 = min(w3, w7)
            w4 = max(w2, w4)
            w3, w5 = _ordered(w3, w5)
            w10 = min(w10, w12)
            w3, w4 = _ordered(w3, w4)
            w5, w6 = _ordered(w5, w6)
            w9, w10 = _ordered(w9, w10)
            w8 = max(w4, w8)
            w5 = min(w5, w9)
            w6 = min(w6, w10)
            w5 = max(w3, w5)
            w6 = min(w6, w8)
            out[o + x] = max(w5, w6)


@compiled_row
def _median_row3(o, blocks, plane, r0, r1, r2, out):  # type: ignore[no-untyped-def]
    """Median of 3x3: of the columns' largest minimum, middle median and smallest maximum."""
    for block in range(blocks):
        for lane in range(LANES):
            x = np.uintp(block * LANES) + np.uintp(lane)
            a0, a1, a2 = _sorted3(plane[r0 + x], plane[r1 + x], plane[r2 + x])
            y = x + np.uintp(1)
            b0, b1, b2 = _sorted3(plane[r0 + y], plane[r1 + y], plane[r2 + y])
            z = x + np.uintp(2)
            c0, c1, c2 = _sorted3(plane[r0 + z], plane[r1 + z], plane[r2 + z])
            _, middle, _ = _sorted3(a1, b1, c1)
            _, middle, _ = _sorted3(max(max(a0, b0), c0), middle, min(min(a2, b2), c2))
            out[o + x] = middle


@compiled
def _sorted3(a, b, c):  # type: ignore[no-untyped-def]
    a, b = _ordered(a, b)
    b, c = _ordered(b, c)
    a, b = _ordered(a, b)
    return a, b, c


@compiled
def _median(plane, out, columns, h, w, stride, side):  # type: ignore[no-untyped-def]
    """Median filter of `side` (3 or 5), edges repeated; the guards of `out` are zero again afterwards."""
    blocks = (stride - LANES) // LANES
    for y in range(1, h + 1):
        row = y * stride + LANES
        for k in range(2):
            plane[row - 1 - k] = plane[row]
            plane[row + w + k] = plane[row + w - 1]
    for y in range(h):
        o = np.uintp((y + 1) * stride + LANES)
        if side == 3:
            start = LANES - 1 + stride
            _median_row3(
                o, blocks, plane, np.uintp(max(y - 1, 0) * stride + start),
                np.uintp(y * stride + start), np.uintp(min(y + 1, h - 1) * stride + start), out,
            )  # fmt: skip
        else:
            start = LANES - 2 + stride
            _sort_columns(
                blocks + 1, plane,
                np.uintp(max(y - 2, 0) * stride + start), np.uintp(max(y - 1, 0) * stride + start),
                np.uintp(y * stride + start), np.uintp(min(y + 1, h - 1) * stride + start),
                np.uintp(min(y + 2, h - 1) * stride + start),
                columns[0], columns[1], columns[2], columns[3], columns[4])  # fmt: skip
            _median_row(o, blocks, out, columns[0], columns[1], columns[2], columns[3], columns[4])
        end = (y + 1) * stride + LANES
        out[end + w : (y + 2) * stride + 2] = 0
        out[end - 2 : end] = 0


@compiled
def solve_level(first, second, field, planes, rows, tau, lambda_, theta, epsilon, warps, inner, outer, side):  # type: ignore[no-untyped-def]
    """Refine `field` float32 [2, h, w] in place at one pyramid level; the number of iterations spent.

    `first` is the first image [h, w], `second` the other one from `with_gradients`. `planes` [PLANES, .] and
    `rows` [7, stride + LANES or more] are scratch memory whose rows start on cache lines.
    """
    h, w = first.shape
    stride = (w + LANES - 1) // LANES * LANES + LANES
    planes[:, : (h + 2) * stride + LANES] = 0
    u1, u2, spare1, spare2 = planes[8], planes[9], planes[10], planes[11]
    inside, change, columns = rows[0], rows[1, :stride], rows[2:]
    inside[:] = 1
    inside[w - 1 :] = 0
    for y in range(h):
        at = (y + 1) * stride + LANES
        u1[at : at + w] = field[0, y]
        u2[at : at + w] = field[1, y]
    enough = np.float32(epsilon * epsilon * h * w)
    count = 0
    for _ in range(warps):
        _warp(first, second, u1, u2, planes[4], planes[5], planes[6], planes[7], stride)
        moved = np.float32(np.inf)
        for _ in range(outer):
            if moved <= enough:
                break
            if side > 1:
                _median(u1, spare1, columns, h, w, stride, side)
                _median(u2, spare2, columns, h, w, stride, side)
                u1, spare1 = spare1, u1
                u2, spare2 = spare2, u2
            for _ in range(inner):
                moved = _iterate(planes, u1, u2, inside, change, h, stride, np.float32(theta),
                                 np.float32(lambda_ * theta), np.float32(tau / theta))  # fmt: skip
                count += 1
                if moved <= enough:
                    break
    for y in range(h):
        at = (y + 1) * stride + LANES
        field[0, y] = u1[at : at + w]
        field[1, y] = u2[at : at + w]
    return count
