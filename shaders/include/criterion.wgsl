// What a difference of two features counts, and the derivative of that. Twin: src/criterion.rs.

// Which criterion, as src/gpu/kernels/criterion.rs numbers them.
const MSE = 0u;
const MAE = 1u;
const SMOOTH_L1 = 2u;

// `parameter` is the criterion's: beta or eps.
fn term(difference: f32, criterion: u32, parameter: f32) -> f32 {
    let magnitude = abs(difference);
    if criterion == MSE {
        return difference * difference;
    }
    if criterion == MAE {
        return magnitude;
    }
    if criterion == SMOOTH_L1 {
        return select(magnitude - 0.5 * parameter, 0.5 * difference * (difference / parameter), magnitude < parameter);
    }
    return magnitude * (magnitude / (length_of(magnitude, parameter) + parameter));
}

// Of a magnitude of 0 it is 0.
fn slope(difference: f32, criterion: u32, parameter: f32) -> f32 {
    if criterion == MSE {
        return 2.0 * difference;
    }
    if criterion == MAE {
        return sign(difference);
    }
    if criterion == SMOOTH_L1 {
        return clamp(difference / parameter, -1.0, 1.0);
    }
    return difference / length_of(abs(difference), parameter);
}

// sqrt(a² + b²), whose squares may be out of range.
fn length_of(a: f32, b: f32) -> f32 {
    let most = max(a, b);
    let share = min(a, b) / most;
    return most * sqrt(1.0 + share * share);
}
