// Spheres that hop over a checkered floor, around one of chrome, under a lamp that goes round: traced ray by ray, in
// linear light. What makes a picture cheap or good is in its uniforms.

struct Picture {
    size: vec2<f32>,
    // Seconds.
    time: f32,
    // Of the lamp; 0 makes it a point, whose shadows are hard.
    lamp_radius: f32,
    // Side of the squares of pixels that share a ray.
    coarseness: u32,
    // Rays a pixel: this squared.
    grid: u32,
    // Mirrored rays after the first; where they end the sky is seen.
    bounces: u32,
    seed: u32,
}

@group(0) @binding(0) var<uniform> picture: Picture;

const SPHERES = 7u; // the chrome one, then six
const LAMP = 7u;
const FLOOR = 8u;
const NOTHING = 9u;
const FAR = 1e9;

struct Ray { origin: vec3<f32>, direction: vec3<f32> }

@vertex
fn cover(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4<f32> {
    // One triangle over all of the picture.
    return vec4(f32(vertex & 1) * 4.0 - 1.0, f32(vertex >> 1) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn draw(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let side = f32(picture.coarseness);
    let corner = floor(position.xy / side) * side;
    var random = hash(u32(corner.x) + 8192 * u32(corner.y) + 67108859 * picture.seed);
    let cell = 1.0 / f32(picture.grid);
    var light = vec3(0.0);
    for (var y = 0u; y < picture.grid; y++) {
        for (var x = 0u; x < picture.grid; x++) {
            // One ray goes through the middle; more are spread over the pixel, and so are their points on the lamp.
            let jitter = select(vec2(0.5), draw_two(&random), picture.grid > 1);
            let at = corner + side * cell * (vec2(f32(x), f32(y)) + jitter);
            light += radiance(camera(at), lamp_point(draw_two(&random)));
        }
    }
    return vec4(light * cell * cell, 1.0);
}

fn camera(at: vec2<f32>) -> Ray {
    let plane = (at - 0.5 * picture.size) / picture.size.y;
    let angle = 0.25 * sin(0.4 * picture.time);
    let eye = vec3(6.6 * sin(angle), 2.7, 6.6 * cos(angle));
    let forward = normalize(vec3(0.0, 0.55, 0.0) - eye);
    let right = normalize(cross(forward, vec3(0.0, 1.0, 0.0)));
    let up = cross(right, forward);
    return Ray(eye, normalize(1.35 * forward + plane.x * right - plane.y * up));
}

fn radiance(first: Ray, lamp_point: vec3<f32>) -> vec3<f32> {
    var ray = first;
    var light = vec3(0.0);
    var share = vec3(1.0);
    for (var bounce = 0u; bounce <= picture.bounces; bounce++) {
        let hit = nearest(ray);
        if hit.what == NOTHING {
            break;
        }
        if hit.what == LAMP {
            return light + share * LAMP_LIGHT;
        }
        let point = ray.origin + hit.distance * ray.direction;
        let normal = normal_of(hit.what, point);
        let grazing = pow(1.0 - max(-dot(ray.direction, normal), 0.0), 5.0);
        let mirrored = mix(mirror_of(hit.what), vec3(1.0), 0.6 * grazing);
        // Far off, the floor is lost in haze.
        let haze = 1.0 - exp(-0.0012 * hit.distance * hit.distance);
        light += share * haze * sky(ray.direction);
        share *= 1.0 - haze;
        light += share * (1.0 - mirrored) * colour_of(hit.what, point) * lit(point, normal, lamp_point);
        share *= mirrored;
        ray = Ray(point + 1e-3 * normal, reflect(ray.direction, normal));
    }
    return light + share * sky(ray.direction);
}

// What falls on a surface, from the lamp and from the sky.
fn lit(point: vec3<f32>, normal: vec3<f32>, lamp_point: vec3<f32>) -> vec3<f32> {
    let to_lamp = lamp_point - point;
    let distance = length(to_lamp);
    let direction = to_lamp / distance;
    var sum = 0.0;
    if dot(direction, normal) > 0.0 && !shaded(Ray(point + 1e-3 * normal, direction), distance) {
        sum = 22.0 * dot(direction, normal) / (1.0 + distance * distance);
    }
    var open = 1.0; // of the sky, as far as spheres leave it so
    for (var i = 0u; i < SPHERES; i++) {
        let sphere = sphere(i);
        let away = sphere.xyz - point;
        let square = dot(away, away);
        if square > 1.02 * sphere.w * sphere.w {
            open *= 1.0 - max(dot(normal, away), 0.0) * sphere.w * sphere.w / (square * sqrt(square));
        }
    }
    let from_sky = mix(vec3(0.16, 0.13, 0.11), vec3(0.42, 0.55, 0.8), 0.5 + 0.5 * normal.y);
    return sum * vec3(1.0, 0.86, 0.68) + 0.4 * open * from_sky;
}

fn sky(direction: vec3<f32>) -> vec3<f32> {
    let height = sqrt(max(direction.y, 0.0));
    return mix(vec3(0.5, 0.32, 0.23), vec3(0.03, 0.07, 0.2), min(1.4 * height, 1.0));
}

const LAMP_LIGHT = vec3<f32>(14.0, 12.0, 9.5);

fn lamp() -> vec3<f32> {
    let angle = 0.9 * picture.time;
    return vec3(2.6 * cos(angle), 2.6 + 0.3 * sin(2.0 * angle), 2.6 * sin(angle));
}

fn lamp_point(random: vec2<f32>) -> vec3<f32> {
    let z = 1.0 - 2.0 * random.x;
    let around = sqrt(max(1.0 - z * z, 0.0));
    let angle = 6.2831853 * random.y;
    return lamp() + picture.lamp_radius * vec3(around * cos(angle), z, around * sin(angle));
}

// Centre and radius.
fn sphere(index: u32) -> vec4<f32> {
    if index == 0 {
        return vec4(0.0, 1.0, 0.0, 1.0);
    }
    let i = f32(index);
    let radius = 0.3 + 0.05 * f32((index * 2) % 5);
    let angle = 1.0471976 * i + 0.35 * picture.time;
    let hop = abs(sin(2.1 * picture.time + 1.7 * i));
    return vec4(2.05 * cos(angle), radius + 0.55 * hop, 2.05 * sin(angle), radius);
}

fn colour_of(what: u32, point: vec3<f32>) -> vec3<f32> {
    if what == FLOOR {
        let odd = (i32(floor(1.25 * point.x)) + i32(floor(1.25 * point.z))) & 1;
        return select(vec3(0.62, 0.59, 0.52), vec3(0.09, 0.1, 0.13), odd != 0);
    }
    return 0.5 + 0.42 * cos(6.2831853 * (0.17 * f32(what) + vec3(0.0, 0.33, 0.67)));
}

fn mirror_of(what: u32) -> vec3<f32> {
    switch what {
        case 0: { return vec3(0.86, 0.88, 0.9); }
        case FLOOR: { return vec3(0.07); }
        default: { return vec3(0.05); }
    }
}

fn normal_of(what: u32, point: vec3<f32>) -> vec3<f32> {
    return select(normalize(point - sphere(what).xyz), vec3(0.0, 1.0, 0.0), what == FLOOR);
}

struct Hit { what: u32, distance: f32 }

fn nearest(ray: Ray) -> Hit {
    var hit = Hit(NOTHING, FAR);
    if ray.direction.y < 0.0 {
        hit = Hit(FLOOR, -ray.origin.y / ray.direction.y);
    }
    for (var i = 0u; i < SPHERES; i++) {
        let distance = to_sphere(ray, sphere(i));
        if distance < hit.distance {
            hit = Hit(i, distance);
        }
    }
    let distance = to_sphere(ray, vec4(lamp(), 0.22));
    if distance < hit.distance {
        hit = Hit(LAMP, distance);
    }
    return hit;
}

fn shaded(ray: Ray, distance: f32) -> bool {
    for (var i = 0u; i < SPHERES; i++) {
        if to_sphere(ray, sphere(i)) < distance {
            return true;
        }
    }
    return false;
}

// The distance along the ray; FAR where it goes by.
fn to_sphere(ray: Ray, sphere: vec4<f32>) -> f32 {
    let away = sphere.xyz - ray.origin;
    let along = dot(away, ray.direction);
    let inside = along * along - dot(away, away) + sphere.w * sphere.w;
    if along < 0.0 || inside < 0.0 {
        return FAR;
    }
    return along - sqrt(inside);
}

// Jarzynski and Olano's PCG (2020).
fn hash(value: u32) -> u32 {
    let state = value * 747796405 + 2891336453;
    let word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737;
    return (word >> 22) ^ word;
}

// Two numbers from 0 to 1.
fn draw_two(random: ptr<function, u32>) -> vec2<f32> {
    let x = hash(*random);
    *random = hash(x);
    return vec2(f32(x >> 8), f32(*random >> 8)) / 16777216.0;
}
