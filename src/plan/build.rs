//! From a loss and a picture's size to its plan.

use super::{Builder, Operation, Plan, Region, Step};
use crate::{
    config::Config,
    error::{Error, Result},
    network::{Layer, LayerKind},
};

impl Plan {
    /// The plan that compares pictures of `width` by `height` as `config` says, `images` at a time.
    ///
    /// # Errors
    /// [`Error::Config`] where the config is not valid; [`Error::Image`] where the picture is too small for the
    /// deepest tap, with the smallest size that works.
    pub fn new(config: &Config, width: u32, height: u32, images: u32) -> Result<Self> {
        config.validate()?;
        let taps = config.tap_positions()?;
        let deepest = taps.last().map_or(0, |(position, _)| *position);
        let layers = &config.network.layers()[..=deepest];
        check_size(layers, width, height)?;

        let mut plan = Builder::new();
        let mut current = plan.tensor("pixels", images, 3, Region::whole(width, height));
        let pixels = Operation::Pixels { normalization: config.normalization };
        plan.step(Step::new("pixels", pixels, [], [current]));
        let weight_at =
            |position: usize| taps.iter().find(|(tap, _)| *tap == position).map(|(_, weight)| *weight);

        let mut position = 0;
        while position <= deepest {
            let layer = layers[position];
            let region = plan.tensors()[current].region;
            // A ReLU rides on its convolution unless a tap needs the values before it.
            let fused = layer.kind == LayerKind::Conv && position < deepest && weight_at(position).is_none();
            let (operation, region) = match layer.kind {
                LayerKind::Conv => (Operation::Conv3x3 { layer, relu: fused }, region),
                LayerKind::Relu => (Operation::Relu, region),
                LayerKind::Pool => (Operation::MaxPool, region.pooled()),
            };
            position += usize::from(fused);
            let output = plan.tensor(layers[position].name, images, layer.outputs, region);
            plan.step(Step::new(layer.name, operation, [current], [output]));
            if let Some(weight) = weight_at(position) {
                plan.tap(layers[position].name, weight, config.criterion, output);
            }
            current = output;
            position += 1;
        }
        plan.finish()
    }
}

/// Every pool halves the picture; at least one position must be left at the deepest tap.
fn check_size(layers: &[Layer], width: u32, height: u32) -> Result<()> {
    let pools = layers.iter().filter(|layer| layer.kind == LayerKind::Pool).count();
    let smallest = 1 << pools;
    if width.min(height) >= smallest {
        return Ok(());
    }
    let deepest = layers.last().map_or("", |layer| layer.name);
    Err(Error::Image(format!(
        "a picture of {width}x{height} is too small for tap {deepest}; the smallest that works is {smallest}x{smallest}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Preset, Tap};

    fn plan(config: &Config, width: u32, height: u32) -> Plan {
        Plan::new(config, width, height, 2).unwrap()
    }

    #[test]
    fn the_study_card_in_steps() {
        let plan = plan(&Preset::StudyCard.config(), 50, 33);
        let names: Vec<_> = plan.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "pixels",
                "conv1_1",
                "conv1_2",
                "relu1_2 difference",
                "pool1",
                "conv2_1",
                "conv2_2",
                "relu2_2 difference",
                "pool2",
                "conv3_1",
                "conv3_2",
                "conv3_3",
                "relu3_3 difference",
                "conv3_4",
                "pool3",
                "conv4_1",
                "conv4_2",
                "relu4_2 difference",
            ]
        );
        assert!(plan.steps.iter().all(|step| !matches!(step.operation, Operation::Relu)), "all are fused");
        let last = &plan.tensors[plan.taps[3].tensor];
        assert_eq!((last.images, last.channels, last.region.extent), (2, 512, [6, 4]));
    }

    #[test]
    fn a_tap_before_its_activation_gets_the_raw_convolution() {
        let config = Config { taps: Tap::list(&[("conv1_1", 1.0), ("relu1_1", 1.0)]), ..Config::default() };
        let plan = plan(&config, 4, 4);
        let operations: Vec<_> = plan.steps.iter().map(|step| step.operation).collect();
        assert!(matches!(operations[1], Operation::Conv3x3 { relu: false, .. }));
        assert!(matches!(operations[3], Operation::Relu));
        assert_eq!(plan.steps.len(), 5);
    }

    #[test]
    fn a_conv_that_is_the_last_tap_is_not_followed_by_a_relu() {
        let plan = plan(&Preset::Esrgan.config(), 16, 16);
        assert_eq!(plan.steps.last().unwrap().name, "conv5_4 difference");
        assert!(plan.steps.iter().all(|step| !matches!(step.operation, Operation::Relu)));
    }

    #[test]
    fn too_small_a_picture_names_the_smallest() {
        let error = Plan::new(&Config::default(), 7, 100, 2).unwrap_err().to_string();
        assert!(error.contains("7x100") && error.contains("relu4_2") && error.contains("8x8"), "{error}");
        Plan::new(&Config::default(), 8, 8, 2).unwrap();
    }

    #[test]
    fn feature_maps_share_two_slots() {
        let plan = plan(&Config::default(), 64, 64);
        assert_eq!(plan.slots, [2 * 64 * 64 * 64 * 4; 2]);
    }
}
