//! Which adapters there are, what they can do, and which one is taken.

use std::fmt;

use serde::Serialize;

use super::{capabilities::Capabilities, context::Gpu};
use crate::{
    Context,
    error::{Error, Result},
};

/// A GPU adapter, or a software driver that acts as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Adapter {
    /// Its name, such as `NVIDIA GeForce RTX 5090`.
    pub name: String,
    /// The driver and its version.
    pub driver: String,
    /// The graphics API that it is reached through: `Vulkan`, `Metal`, `DX12`, `GL` or `WebGPU`.
    pub api: &'static str,
    /// Where it is on the PCI bus, such as `0000:01:00.0`, as far as the driver tells.
    pub pci_bus: Option<String>,
    /// What it is.
    pub kind: AdapterKind,
    /// Whether a CPU does the work.
    pub software: bool,
}

/// What an adapter is, in the order in which they are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A part of a GPU, handed to a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// A driver that computes on the CPU.
    Software,
}

impl AdapterKind {
    /// `discrete`, `integrated`, `virtual`, `other` or `software`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "other",
            Self::Software => "software",
        }
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<&wgpu::AdapterInfo> for Adapter {
    fn from(info: &wgpu::AdapterInfo) -> Self {
        let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Other => AdapterKind::Other,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
        };
        Self {
            name: info.name.clone(),
            driver: driver.trim().to_owned(),
            api: match info.backend {
                wgpu::Backend::Vulkan => "Vulkan",
                wgpu::Backend::Metal => "Metal",
                wgpu::Backend::Dx12 => "DX12",
                wgpu::Backend::Gl => "GL",
                wgpu::Backend::BrowserWebGpu => "WebGPU",
                wgpu::Backend::Noop => "none",
            },
            pci_bus: Some(info.device_pci_bus_id.clone()).filter(|bus| !bus.is_empty()),
            kind,
            software: kind == AdapterKind::Software,
        }
    }
}

impl fmt::Display for Adapter {
    /// Everything that tells it from others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.name, self.driver, self.api)?;
        self.pci_bus.iter().try_for_each(|bus| write!(f, ", {bus}"))
    }
}

/// An adapter that is here, and what a device opened on it can do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AvailableAdapter {
    /// Which one it is.
    #[serde(flatten)]
    pub adapter: Adapter,
    /// What lowering needs to know.
    #[serde(flatten)]
    pub capabilities: Capabilities,
    /// Bytes that a workgroup's threads share.
    pub workgroup_memory: u32,
    /// Threads that a workgroup may have.
    pub workgroup_threads: u32,
    /// The least and the most threads of a subgroup; none where shaders may not use subgroups.
    pub subgroup_sizes: Option<[u32; 2]>,
    /// Whether shaders may compute in half precision.
    pub f16: bool,
    /// Whether the device can tell the time.
    pub timestamps: bool,
    #[serde(skip)]
    handle: wgpu::Adapter,
}

impl AvailableAdapter {
    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Device`] where it cannot be opened or lacks what this library needs.
    pub async fn open(&self) -> Result<Context> {
        Ok(Context::from_gpu(Gpu::open_adapter(self.handle.clone()).await?))
    }

    /// [`open`](Self::open), blocking.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_blocking(&self) -> Result<Context> {
        pollster::block_on(self.open())
    }
}

impl From<wgpu::Adapter> for AvailableAdapter {
    fn from(handle: wgpu::Adapter) -> Self {
        let (info, limits, features) = (handle.get_info(), handle.limits(), handle.features());
        let has = |feature| features.contains(feature);
        Self {
            adapter: Adapter::from(&info),
            capabilities: Capabilities::of(&limits),
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroup_threads: limits.max_compute_invocations_per_workgroup,
            subgroup_sizes: has(wgpu::Features::SUBGROUP)
                .then_some([info.subgroup_min_size, info.subgroup_max_size]),
            f16: has(wgpu::Features::SHADER_F16),
            timestamps: has(wgpu::Features::TIMESTAMP_QUERY),
            handle,
        }
    }
}

/// Every adapter that can compute, best first: hardware before software, discrete before integrated. Its place
/// here is the number that [`Context::gpu_named`] takes. There may be none.
pub async fn adapters() -> Vec<AvailableAdapter> {
    enumerate().await.into_iter().map(AvailableAdapter::from).collect()
}

/// [`adapters`], blocking.
#[must_use]
pub fn adapters_blocking() -> Vec<AvailableAdapter> {
    pollster::block_on(adapters())
}

async fn enumerate() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    // Browsers list none, and hand one out on request.
    if adapters.is_empty()
        && let Ok(adapter) = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await
    {
        adapters.push(adapter);
    }
    // A compute shader is what everything here runs as.
    adapters.retain(|adapter| {
        adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    });
    adapters.sort_by_key(|adapter| Adapter::from(&adapter.get_info()).kind);
    adapters
}

/// The adapter that `wanted` names, else the best: hardware before software, discrete before integrated.
pub(super) async fn choose(wanted: Option<&str>) -> Result<wgpu::Adapter> {
    let handles = enumerate().await;
    let adapters: Vec<_> = handles.iter().map(|handle| Adapter::from(&handle.get_info())).collect();
    let index = match wanted {
        None => 0,
        Some(wanted) => position(&adapters, wanted).ok_or_else(|| Error::UnknownAdapter {
            wanted: wanted.to_owned(),
            available: adapters.iter().map(Adapter::to_string).collect(),
        })?,
    };
    handles.into_iter().nth(index).ok_or(Error::NoAdapter)
}

/// A number is a place in the list. Else the whole name wins over a part of one, and that over words found
/// anywhere in what tells adapters apart: two drivers, or two APIs, may give one name.
fn position(adapters: &[Adapter], wanted: &str) -> Option<usize> {
    if let Some(number) = wanted.parse().ok().filter(|&number| number < adapters.len()) {
        return Some(number);
    }
    let wanted = wanted.trim().to_lowercase();
    if wanted.is_empty() {
        return None;
    }
    let find = |matches: &dyn Fn(&Adapter) -> bool| adapters.iter().position(matches);
    find(&|adapter| adapter.name.to_lowercase() == wanted)
        .or_else(|| find(&|adapter| adapter.name.to_lowercase().contains(&wanted)))
        .or_else(|| {
            find(&|adapter| {
                let text = adapter.to_string().to_lowercase();
                wanted.split_whitespace().all(|word| text.contains(word))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, driver: &str, api: &'static str, pci_bus: Option<&str>) -> Adapter {
        Adapter {
            name: name.to_owned(),
            driver: driver.to_owned(),
            api,
            pci_bus: pci_bus.map(str::to_owned),
            kind: AdapterKind::Discrete,
            software: false,
        }
    }

    #[test]
    fn names_match_whole_then_in_part() {
        let adapters = ["Radeon RX 7900 XTX", "Radeon RX 7900", "llvmpipe (LLVM 15)"]
            .map(|name| adapter(name, "Mesa", "Vulkan", None));
        assert_eq!(position(&adapters, "radeon rx 7900"), Some(1));
        assert_eq!(position(&adapters, "7900 x"), Some(0));
        assert_eq!(position(&adapters, "LLVM"), Some(2));
        assert_eq!(position(&adapters, "geforce"), None);
        assert_eq!(position(&adapters, ""), None);
        assert_eq!(position(&adapters, " "), None);
    }

    #[test]
    fn adapters_of_one_name_are_told_apart() {
        let adapters = [
            adapter("Radeon RX 7900", "radv Mesa 25.0", "Vulkan", Some("0000:01:00.0")),
            adapter("Radeon RX 7900", "radv Mesa 25.0", "Vulkan", Some("0000:02:00.0")),
            adapter("Radeon RX 7900", "AMD proprietary", "Vulkan", None),
            adapter("Radeon RX 7900", "AMD proprietary", "DX12", None),
        ];
        assert_eq!(position(&adapters, "Radeon RX 7900"), Some(0));
        assert_eq!(position(&adapters, "0000:02:00.0"), Some(1));
        assert_eq!(position(&adapters, "7900 proprietary"), Some(2));
        assert_eq!(position(&adapters, "dx12 radeon"), Some(3));
        assert_eq!([0, 1, 2, 3].map(|i| position(&adapters, &i.to_string())), [0, 1, 2, 3].map(Some));
        assert_eq!(position(&adapters, "7900"), Some(0), "no place in the list, but a part of a name");
        assert_eq!(position(&adapters, "dx12 geforce"), None);
    }
}
