//! From a loss and a picture's size to its plan.

use super::{Builder, Maps, Operation, Plan, Region, Step, TensorId};
use crate::{
    config::{Config, Tap},
    criterion::Criterion,
    error::{Error, Result},
    network::{Layer, LayerKind},
};

/// What a plan's pictures are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    /// Pairs of a generated picture and its target.
    Pairs,
    /// A target, whose maps are kept.
    Target,
    /// Generated pictures with a target whose maps are there.
    Candidates,
    /// Pictures with nothing: their features are summed.
    Magnitudes,
}

impl Plan {
    /// The plan that compares pairs of pictures of `width` by `height` as `config` says, so many pairs at a time.
    ///
    /// # Errors
    /// [`Error::Config`] where the config is not valid; [`Error::Image`] where the picture is too small for the
    /// deepest tap, with the smallest size that works.
    pub fn new(config: &Config, width: u32, height: u32, pairs: u32) -> Result<Self> {
        build(config, [width, height], pairs, Compared::Pairs)
    }

    /// The plan that makes a target's maps, which it keeps for [`candidates`](Self::candidates).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn target(config: &Config, width: u32, height: u32) -> Result<Self> {
        build(config, [width, height], 1, Compared::Target)
    }

    /// The plan that compares so many pictures with one target, whose maps are given. It has the steps of
    /// [`new`](Self::new), each without the target's part.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn candidates(config: &Config, width: u32, height: u32, pictures: u32) -> Result<Self> {
        build(config, [width, height], pictures, Compared::Candidates)
    }

    /// The plan that sums so many pictures' own features: a comparison with features of nothing but zeros.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn magnitudes(config: &Config, width: u32, height: u32, pictures: u32) -> Result<Self> {
        build(config, [width, height], pictures, Compared::Magnitudes)
    }
}

/// The plans of one loss for pictures of one size.
#[derive(Clone, Debug)]
pub(crate) struct Plans {
    pub(crate) config: Config,
    pub(crate) size: [u32; 2],
}

impl Plans {
    /// As [`Plan::new`], and [`Error::Image`] where a side is zero; [`Error::TooLarge`] where no memory holds a picture.
    pub(crate) fn pairs(&self, pairs: u32) -> Result<Plan> {
        self.build(pairs, Compared::Pairs)
    }

    /// As [`Plan::target`].
    pub(crate) fn target(&self) -> Result<Plan> {
        self.build(1, Compared::Target)
    }

    /// As [`Plan::candidates`].
    pub(crate) fn candidates(&self, pictures: u32) -> Result<Plan> {
        self.build(pictures, Compared::Candidates)
    }

    /// As [`Plan::magnitudes`].
    pub(crate) fn magnitudes(&self, pictures: u32) -> Result<Plan> {
        self.build(pictures, Compared::Magnitudes)
    }

    fn build(&self, images: u32, compared: Compared) -> Result<Plan> {
        let [width, height] = self.size;
        if width == 0 || height == 0 {
            return Err(Error::Image(format!(
                "a picture of {width}x{height} has no pixels; both sides must be at least 1"
            )));
        }
        // Red, green and blue in a byte each are the least that a picture takes, and no slice is longer than that.
        let most = isize::MAX as u64 / 3;
        if u64::from(width) * u64::from(height) > most {
            return Err(Error::TooLarge(format!(
                "a picture of {width}x{height} is larger than any memory; {most} pixels are the most"
            )));
        }
        build(&self.config, self.size, images, compared)
    }
}

fn build(config: &Config, [width, height]: [u32; 2], images: u32, compared: Compared) -> Result<Plan> {
    config.validate()?;
    let taps = config.tap_positions()?;
    let deepest = taps.last().map_or(0, |(position, _)| *position);
    let layers = &config.network.layers()[..=deepest];
    check_size(layers, width, height)?;
    let taps_at = |position: usize| taps.iter().filter(move |(tap, _)| *tap == position).map(|(_, tap)| *tap);

    let mut network = Network::new(compared, images);
    let tap_reads = |position: usize| taps_at(position).any(|tap| !tap.criterion.is_pointwise());
    // Of the deepest layer the target's map has no reader but taps, nor has what a convolution there reads.
    let has_reader = |position: usize| {
        let ends_behind =
            position + 1 == deepest && layers[deepest].kind == LayerKind::Conv && !tap_reads(deepest);
        compared == Compared::Magnitudes || position < deepest && !ends_behind || tap_reads(position)
    };
    let whole = Region::whole(width, height);
    let is_read = compared != Compared::Pairs || deepest > 0 || tap_reads(0);
    network.pixels(|maps| Operation::Pixels { normalization: config.normalization, maps }, whole, is_read);
    let mut position = 0;
    while position <= deepest {
        let layer = layers[position];
        // A ReLU rides on its convolution unless a tap needs the values before it.
        let relu = layer.kind == LayerKind::Conv && position < deepest && taps_at(position).next().is_none();
        position += usize::from(relu);
        match layer.kind {
            // Its own activation reads it, too.
            LayerKind::Conv => {
                network.conv3x3(&layer, layers[position].name, relu || has_reader(position), relu)
            }
            LayerKind::Relu => network.relu(&layer),
            LayerKind::Pool => network.max_pool(&layer, has_reader(position), tap_reads(position)),
        }
        for tap in taps_at(position) {
            network.tap(layers[position].name, tap);
        }
        position += 1;
    }
    network.plan.finish()
}

/// A plan that is being made, and the maps that its last layer has made.
struct Network {
    plan: Builder,
    compared: Compared,
    images: u32,
    /// The target's, where there is one, and whether it is one before its activation: what reads it applies that.
    target: Option<TensorId>,
    before_relu: bool,
    difference: Option<TensorId>,
    channels: u32,
    region: Region,
}

impl Network {
    fn new(compared: Compared, images: u32) -> Self {
        Self {
            plan: Builder::new(),
            compared,
            images,
            target: None,
            before_relu: false,
            difference: None,
            channels: 3,
            region: Region::whole(1, 1),
        }
    }

    /// The maps that this plan makes of a layer: the target's only where it `is_read`. None where there is nothing to make.
    fn maps(&self, is_read: bool) -> Option<Maps> {
        match self.compared {
            Compared::Pairs if is_read => Some(Maps::Both),
            Compared::Pairs | Compared::Candidates => Some(Maps::Difference),
            Compared::Target | Compared::Magnitudes => is_read.then_some(Maps::Target),
        }
    }

    fn new_target(&mut self, name: &str) -> TensorId {
        // All candidates have one target.
        let images = if self.compared == Compared::Candidates { 1 } else { self.images };
        self.plan.tensor(&format!("{name} target"), images, self.channels, self.region)
    }

    fn new_difference(&mut self, name: &str) -> TensorId {
        self.plan.tensor(&format!("{name} difference"), self.images, self.channels, self.region)
    }

    /// A step that makes `maps` of those there are. A difference alone may read a map of the target's, too.
    fn step(
        &mut self,
        name: &str,
        operation: Operation,
        maps: Maps,
        made: [Option<TensorId>; 2],
        also: Option<TensorId>,
    ) {
        let of = |[target, difference]: [Option<TensorId>; 2]| {
            let target = target.filter(|_| maps.target());
            target.into_iter().chain(difference.filter(|_| maps.difference())).collect::<Vec<_>>()
        };
        let mut reads = of([self.target, self.difference]);
        reads.extend(also.filter(|_| !maps.target()));
        self.plan.step(Step::new(name, operation, reads, of(made)));
        [self.target, self.difference] = made;
    }

    fn pixels(&mut self, operation: impl Fn(Maps) -> Operation, whole: Region, is_read: bool) {
        self.region = whole;
        let Some(maps) = self.maps(is_read) else { return };
        let target = maps.target().then(|| self.new_target("pixels"));
        let difference = maps.difference().then(|| self.new_difference("pixels"));
        self.step("pixels", operation(maps), maps, [target, difference], None);
    }

    fn conv3x3(&mut self, layer: &Layer, name: &str, is_read: bool, relu: bool) {
        self.channels = layer.outputs;
        let input_relu = std::mem::replace(&mut self.before_relu, relu);
        let Some(maps) = self.maps(is_read) else { return };
        // Every convolution's map is read by a difference's activation, here or further on.
        let target = is_read.then(|| self.new_target(layer.name));
        if let (Compared::Target | Compared::Candidates, Some(target)) = (self.compared, target) {
            self.plan.keep(target);
        }
        let difference = maps.difference().then(|| self.new_difference(name));
        let operation =
            Operation::Conv3x3 { layer: *layer, maps, input_relu, relu: relu && maps.difference() };
        self.step(layer.name, operation, maps, [target, difference], target.filter(|_| relu));
    }

    fn relu(&mut self, layer: &Layer) {
        self.before_relu = true;
        if self.difference.is_some() {
            let (target, difference) = (self.target, self.new_difference(layer.name));
            self.step(layer.name, Operation::Relu, Maps::Difference, [target, Some(difference)], target);
        }
    }

    fn max_pool(&mut self, layer: &Layer, is_read: bool, tap_reads: bool) {
        self.region = self.region.pooled();
        let input_relu = std::mem::replace(&mut self.before_relu, false);
        let Some(maps) = self.maps(is_read) else { return };
        let also = self.target;
        // Candidates are given those that taps read.
        let target = (maps.target() || tap_reads).then(|| self.new_target(layer.name));
        if let (Compared::Target | Compared::Candidates, Some(target), true) =
            (self.compared, target, tap_reads)
        {
            self.plan.keep(target);
        }
        let difference = maps.difference().then(|| self.new_difference(layer.name));
        let operation = Operation::MaxPool { maps, input_relu };
        self.step(layer.name, operation, maps, [target, difference], also);
    }

    fn tap(&mut self, name: &'static str, &Tap { weight, criterion, .. }: &Tap) {
        // What is compared, and the target's map beside it; features alone are read through their activation.
        let (tensor, beside, input_relu) = match (self.compared, self.target, self.difference) {
            (Compared::Pairs | Compared::Candidates, target, Some(difference)) => (difference, target, false),
            (Compared::Magnitudes, Some(target), _) => (target, None, self.before_relu),
            // A target by itself is compared with nothing.
            _ => return,
        };
        match criterion {
            Criterion::Lpips => self.plan.lpips_tap(name, weight, tensor, beside, self.before_relu),
            Criterion::Gram => self.plan.gram_tap(name, weight, tensor, beside, self.before_relu),
            pointwise => self.plan.tap_through(name, weight, pointwise, tensor, input_relu),
        }
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
    use crate::config::Preset;

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

    /// A target keeps what candidates are given: the same maps, in the same order, in memory of their own. Together they do
    /// what a pair does.
    #[test]
    fn a_target_keeps_what_candidates_read() {
        let taps = [
            Tap::list(&[("conv1_1", 1.0), ("relu2_1", 1.0), ("pool3", 2.0)]),
            Tap::list(&[("conv1_1", 1.0)]),
        ];
        let own = taps.map(|taps| Config { taps, ..Config::default() });
        for config in Preset::ALL.map(Preset::config).into_iter().chain(own) {
            let pair = plan(&config, 50, 33);
            let target = Plan::target(&config, 50, 33).unwrap();
            let candidates = Plan::candidates(&config, 50, 33, 3).unwrap();
            let kept = |plan: &Plan| plan.kept.iter().map(|&id| plan.tensors[id].clone()).collect::<Vec<_>>();
            assert_eq!(kept(&target), kept(&candidates));
            let names = |plan: &Plan| plan.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&pair), names(&candidates));
            let taps = |plan: &Plan| plan.taps.iter().map(|tap| tap.name).collect::<Vec<_>>();
            assert_eq!(taps(&pair), taps(&candidates));
            assert!(
                target.taps.is_empty()
                    && candidates.tensors.iter().all(|tensor| [1, 3].contains(&tensor.images))
            );
            // A target's pixels are made where nothing reads them, too.
            let flops = |plan: &Plan, images: u64| -> u64 {
                let steps = (0..plan.steps.len()).filter(|&step| plan.steps[step].name != "pixels");
                steps.map(|step| plan.cost(step, images).flops).sum()
            };
            assert_eq!(flops(&pair, 1), flops(&target, 1) + flops(&candidates, 1));
            // Every map that is given has a reader.
            let read = |id: usize| candidates.steps.iter().any(|step| step.reads.contains(&id));
            assert!(candidates.kept.iter().all(|&id| read(id)));
        }
    }

    /// Features themselves: those of a tap after an activation are read through it.
    #[test]
    fn magnitudes_are_of_features() {
        let config = Config {
            taps: Tap::list(&[("conv1_1", 1.0), ("relu1_1", 1.0), ("pool1", 1.0)]),
            ..Config::default()
        };
        let plan = Plan::magnitudes(&config, 8, 8, 1).unwrap();
        let through: Vec<_> = (plan.steps.iter())
            .filter_map(|step| match step.operation {
                Operation::Difference { input_relu, .. } => Some((step.reads[0] == 1, input_relu)),
                _ => None,
            })
            .collect();
        assert_eq!(through, [(true, false), (true, true), (false, false)]);
    }

    #[test]
    fn a_tap_before_its_activation_gets_the_raw_convolution() {
        let config = Config { taps: Tap::list(&[("conv1_1", 1.0), ("relu1_1", 1.0)]), ..Config::default() };
        let plan = plan(&config, 4, 4);
        let operations: Vec<_> = plan.steps.iter().map(|step| step.operation).collect();
        assert!(matches!(operations[1], Operation::Conv3x3 { relu: false, .. }));
        assert!(matches!(operations[3], Operation::Relu));
        assert_eq!(plan.steps.len(), 5);
        assert_eq!(plan.steps[3].reads.len(), 2, "a difference's activation reads the target, too");
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
    fn feature_maps_share_four_slots() {
        let plan = plan(&Config::default(), 64, 64);
        assert_eq!(plan.slots, [2 * 64 * 64 * 64 * 4; 4]);
    }
}
