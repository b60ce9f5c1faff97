//! Which adapter a context gets.

use perceptual_loss::{Backend, Context, gpu};

use crate::gpu_device::context;

#[test]
fn auto_is_a_hardware_gpu_or_the_cpu() {
    let auto = Context::auto_blocking().unwrap();
    let software = context().adapter().unwrap().software;
    assert_eq!(auto.backend(), if software { Backend::Cpu } else { Backend::Gpu });
}

/// None but the backends that are named are taken, whatever is built in.
#[test]
fn auto_chooses_among_what_is_named() {
    let among = |backends: &[Backend]| Context::auto_among_blocking(backends);
    let all = [Backend::Gpu, Backend::Cpu];
    let auto = Context::auto_blocking().unwrap();
    let of_all = among(&all).unwrap();
    assert_eq!((of_all.backend(), of_all.adapter()), (auto.backend(), auto.adapter()));
    for backend in [Backend::Gpu, Backend::Cpu, Backend::Twin] {
        assert_eq!(among(&[backend]).unwrap().backend(), backend);
    }
    assert_eq!(among(&[Backend::Gpu]).unwrap().adapter(), Context::gpu_blocking().unwrap().adapter());
    assert_eq!(among(&[Backend::Twin, Backend::Cpu]).unwrap().backend(), Backend::Cpu);
    let error = among(&[]).unwrap_err().to_string();
    assert!(error.contains("name the GPU, the CPU or both"), "{error}");
}

#[test]
fn an_unknown_adapter_is_an_error_that_lists_those_there_are() {
    let error = Context::gpu_named_blocking("no such adapter").unwrap_err();
    let name = &context().adapter().unwrap().name;
    assert!(error.is_input() && error.to_string().contains(name.as_str()), "{error}");
    let part = name[..name.len().min(6)].to_uppercase();
    assert_eq!(&Context::gpu_named_blocking(&part).unwrap().adapter().unwrap().name, name);
}

#[test]
fn every_adapter_that_is_listed_can_be_opened_and_chosen() {
    let listed = gpu::adapters_blocking();
    assert_eq!(&listed[0].adapter, context().adapter().unwrap(), "the best comes first");
    for (number, available) in listed.iter().enumerate() {
        let opened = available.open_blocking().unwrap();
        assert_eq!(opened.adapter(), Some(&available.adapter));
        let chosen = Context::gpu_named_blocking(&number.to_string()).unwrap();
        assert_eq!(chosen.adapter(), Some(&available.adapter));
        let driver = &available.adapter.driver;
        let chosen = Context::gpu_named_blocking(driver).unwrap();
        assert_eq!(&chosen.adapter().unwrap().driver, driver);
    }
}
