//! Which adapters there are, and opening one.

use serde::Serialize;

use super::{adapter::Adapter, capabilities::Capabilities, context::Gpu};
use crate::{
    Context,
    block::block_on,
    error::{Error, Result},
};

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
        Ok(Context::from_gpu(Gpu::open_adapter(&self.handle).await?))
    }

    /// [`open`](Self::open), blocking.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_blocking(&self) -> Result<Context> {
        block_on(self.open())
    }
}

impl From<wgpu::Adapter> for AvailableAdapter {
    fn from(handle: wgpu::Adapter) -> Self {
        Self {
            adapter: Adapter::from(&handle.get_info()),
            capabilities: capabilities_of(&handle),
            timestamps: handle.features().contains(wgpu::Features::TIMESTAMP_QUERY),
            handle,
        }
    }
}

/// What a device of all that the adapter has could do.
fn capabilities_of(adapter: &wgpu::Adapter) -> Capabilities {
    let matrices = adapter.cooperative_matrix_properties();
    Capabilities::of(&adapter.limits(), adapter.features(), &adapter.get_info()).with_matrices(&matrices)
}

impl Gpu {
    /// Opens the adapter called `name`, or the best.
    pub(crate) async fn open(name: Option<&str>) -> Result<Self> {
        Self::open_adapter(&choose(name).await?).await
    }

    /// Opens the best adapter that is not a software one; none where there is no such adapter.
    pub(crate) async fn open_hardware() -> Result<Option<Self>> {
        match choose(None).await {
            Ok(adapter) if Adapter::from(&adapter.get_info()).software => Ok(None),
            Ok(adapter) => Self::open_adapter(&adapter).await.map(Some),
            Err(Error::NoAdapter) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn open_adapter(adapter: &wgpu::Adapter) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("perceptual-loss"),
            // For profiles; what runs otherwise needs no feature.
            required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
            // All that the adapter has, since pictures are as large as its bindings.
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| {
            Error::Device(format!("the adapter '{}' cannot be opened: {error}", adapter.get_info().name))
        })?;
        Self::from_own(device, queue)
    }
}

/// Every adapter that can compute, best first: hardware before software, discrete before integrated. Its place
/// here is the number that [`Context::gpu_named`] takes. There may be none.
pub async fn adapters() -> Vec<AvailableAdapter> {
    enumerate().await.into_iter().map(AvailableAdapter::from).collect()
}

/// [`adapters`], blocking; none in a browser, which cannot wait for them.
#[must_use]
pub fn adapters_blocking() -> Vec<AvailableAdapter> {
    block_on(async { Ok(adapters().await) }).unwrap_or_default()
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
async fn choose(wanted: Option<&str>) -> Result<wgpu::Adapter> {
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
    use super::{super::adapter::AdapterKind, *};

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
