"""Physics of seawater: pressure, density, sound speed, conductivity and freezing point, by published formulas.

Salinity is practical (psu), temperature in degrees C, pressure in dbar below the surface, depth in metres.
"""

from __future__ import annotations

import math

_STANDARD_CONDUCTIVITY = 4.2914
"""S/m, at salinity 35, 15 degrees C and the surface."""


def pressure_at(depth: float) -> float:
    """Gives the pressure at a depth, for middle latitudes (Saunders 1981); none above the surface."""
    below = max(0.0, depth)
    return below * (1.00895 + 2.3e-6 * below)


def depth_at(pressure: float) -> float:
    """Gives the depth of a pressure, the inverse of `pressure_at` to some centimetres."""
    return pressure * (0.99113 - 2.21e-6 * pressure)


def density(salinity: float, temperature: float, pressure: float) -> float:
    """Gives the density in kg/m3, to 0.1 down to 3 km: the equation of state of 1980 without its small terms."""
    s, t, bar = salinity, temperature, pressure / 10
    fresh = 999.8426 + t * (6.794e-2 + t * (-9.0953e-3 + t * (1.00169e-4 + t * (-1.12e-6 + t * 6.54e-9))))
    salt = s * (0.824493 + t * (-4.0899e-3 + t * (7.6438e-5 - t * 8.2467e-7)))
    salt += s * math.sqrt(s) * (-5.72466e-3 + t * 1.0227e-4) + 4.8314e-4 * s * s
    stiffness = 19652.2 + t * (148.42 + t * (-2.3271 + t * 1.36e-2)) + s * (54.67 - 0.6035 * t)
    stiffness += bar * (3.24 + 1.44e-3 * t + 2.28e-3 * s)
    return (fresh + salt) / (1 - bar / stiffness)


def sound_speed(salinity: float, temperature: float, depth: float) -> float:
    """Gives the speed of sound in m/s (Mackenzie 1981)."""
    s, t, d = salinity - 35, temperature, depth
    warm = t * (4.591 + t * (-5.304e-2 + t * 2.374e-4))
    return 1448.96 + warm + 1.34 * s + d * (1.63e-2 + d * 1.675e-7) - 1.025e-2 * t * s - 7.139e-13 * t * d * d * d


def conductivity(salinity: float, temperature: float, pressure: float) -> float:
    """Gives the conductivity in S/m, to a percent from salinity 15 on (scale of 1978, salinity as a power law)."""
    s, t, p = max(0.0, salinity), temperature, pressure
    ratio = math.pow(s / 35, 0.8938) * (0.67661 + t * (2.00564e-2 + t * (1.10426e-4 - t * 6.9698e-7)))
    squeezed = p * (2.07e-5 - 6.37e-10 * p) / (1 + t * (3.426e-2 + 4.464e-4 * t) + (0.4215 - 3.107e-3 * t) * ratio)
    return _STANDARD_CONDUCTIVITY * ratio * (1 + squeezed)


def freezing_point(salinity: float, pressure: float) -> float:
    """Gives the temperature at which seawater freezes (Millero 1978)."""
    s = max(0.0, salinity)
    return -0.0575 * s + 1.710523e-3 * s * math.sqrt(s) - 2.154996e-4 * s * s - 7.53e-4 * pressure
